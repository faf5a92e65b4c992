// expect: invalid conversion from ‘const char*’ to ‘long int’
#include "millrace/test_driver.h"
using namespace millrace;
constexpr Topic<std::string, std::int64_t> in{"in"};
void test(TopologyTestDriver& driver) {
  driver.input(in).pipe("key", 5);
#ifdef MISTAKE
  driver.input(in).pipe("key", "value");
#endif
}
