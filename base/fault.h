// Faults on order, for the real Env (see base/env_real.h). Not for use outside base/.
#pragma once
#include <string>
#include <string_view>

namespace millrace {

// What MILLRACE_FAULT says: "site:before|after:n".
struct FaultOrder {
  std::string site;
  bool after = false;
  long pass = 0;  // 1: the first time
};
// False if `text` is not of that form.
bool parse_fault_order(std::string_view text, FaultOrder& order);

// Whether either variable is set. Read by every operation, so it is a plain bool set before main's first Env use.
extern bool faults_enabled;
// Reads the environment; ends the process with a message and code 2 if MILLRACE_FAULT cannot be understood.
// Called once, by the real Env.
void read_fault_environment();

// One pass of a site: the operation happens between construction and destruction.
class FaultPass {
 public:
  explicit FaultPass(std::string_view site) : site_(site) {
    if (faults_enabled) [[unlikely]]
      enter();
  }
  ~FaultPass() {
    if (faults_enabled) [[unlikely]]
      leave();
  }
  FaultPass(const FaultPass&) = delete;
  FaultPass& operator=(const FaultPass&) = delete;

 private:
  void enter();
  void leave();
  std::string_view site_;
  long number_ = 0;
};

}  // namespace millrace
