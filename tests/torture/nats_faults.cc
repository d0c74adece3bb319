#include "torture/nats_faults.h"

#include <chrono>
#include <memory>

namespace jammi::test {
namespace {

using std::chrono::milliseconds;

std::string Break(NatsServer& nats, Random& random) {
  switch (random.Below(4)) {
    case 0:
      nats.Stop();
      return "stopped";
    case 1:
      nats.Kill();
      return "killed";
    case 2:
      nats.Wipe();
      return "stopped, and all that it had stored wiped";
    default:
      nats.Suspend();
      return "suspended";
  }
}

}  // namespace

void AddNatsFaults(Storm& storm, NatsServer& nats, Company& company, Proxies& proxies) {
  storm.Add({.name = "NATS broken",
             .weight = 6,
             .begin = [&](Random& random) { return Break(nats, random); },
             .end =
                 [&] {
                   if (nats.running()) {
                     nats.Resume();
                   } else {
                     nats.Start();
                   }
                 },
             .longest = milliseconds(5000)});
  storm.Add({.name = "NATS connections cut", .weight = 3, .begin = [&](Random& random) {
               const size_t part = random.Below(proxies.size());
               if (company.suspended(part)) return std::string();
               proxies[part]->CutAll();
               return "of " + company.name(part);
             }});
  const auto stalled = std::make_shared<size_t>();
  storm.Add({.name = "NATS connections stalled",
             .weight = 2,
             .begin =
                 [&, stalled](Random& random) {
                   *stalled = random.Below(proxies.size());
                   proxies[*stalled]->Stall(true);
                   return "of " + company.name(*stalled);
                 },
             .end = [&, stalled] { proxies[*stalled]->Stall(false); },
             .longest = milliseconds(4000)});
}

}  // namespace jammi::test
