#include "evsink/event_loop.h"

#include <fmt/format.h>

#include <ostream>

namespace jammi::evsink {
namespace {

Result<events::Event> Parsed(const Line& line) {
  if (!line.too_long) return events::ParseEvent(line.text);
  const auto what = fmt::format("the line is longer than {} MiB", LineReader::kMaxBytes >> 20);
  return Error(ErrorCode::kInvalidArgument, what,
               SinkDetail{.fault = SinkFault::kInvalidEvent,
                          .findings = {{.fault = EventFault::kNotJson, .attribute = {}, .message = what}}});
}

}  // namespace

Exit ForEachEvent(const Program& program, const InputOptions& input, const OnEvent& each,
                  const std::function<bool()>& before_waiting) {
  bool writable = true;
  LineReader reader(input.files, program.in, program.stop, [&] {
    writable = before_waiting ? before_waiting() : static_cast<bool>(program.out.flush());
  });
  Progress progress(program.err, program.err_is_terminal && (input.quiet || !program.out_is_terminal));
  Exit worst = Exit::kDone;
  uint64_t failed = 0;
  while (writable) {
    auto line = reader.Next();
    if (!line) {
      progress.Clear();
      program.err << "evsink: " << line.error().message() << '\n';
      worst = Worse(worst, Exit::kStorage);
      continue;
    }
    if (!*line) break;
    const Exit exit = each(**line, Parsed(**line));
    if (exit != Exit::kDone) ++failed;
    worst = Worse(worst, exit);
    progress.Update(reader.lines(), failed, reader.bytes_read(), reader.bytes_total());
  }
  progress.Clear();
  if (program.stop.requested()) {
    program.err << fmt::format("evsink: stopped after {} events; what follows was not read\n",
                               reader.lines());
    worst = Worse(worst, Exit::kEventFailed);
  }
  return worst;
}

}  // namespace jammi::evsink
