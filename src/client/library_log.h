// What gRPC writes by itself.
#pragma once

namespace jammi {

// gRPC writes about connections that fail to standard error, in its own words, unless this was called; errors
// say the same. For programs whose standard error is theirs. With GRPC_VERBOSITY set somebody looks for a
// fault, and gRPC goes on writing. Of the whole process: not where a server takes what gRPC says into its
// log.
void SilenceRpcLibrary();

}  // namespace jammi
