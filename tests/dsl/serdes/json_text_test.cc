// JSON: what is written, what is read back, and what is refused.
#include "millrace/dsl/serdes/json_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "millrace/dsl/serdes/json.h"

namespace millrace {
namespace {

struct Registered {
  std::string name;
  std::optional<std::string> email;
  static constexpr auto json = fields("name", &Registered::name, "email", &Registered::email);
  friend bool operator==(const Registered&, const Registered&) = default;
};
struct Closed {
  static constexpr auto json = fields();
  friend bool operator==(const Closed&, const Closed&) = default;
};
struct Renamed {
  static constexpr std::string_view json_name = "renamed-v2";
  std::int32_t n = 7;
  static constexpr auto json = fields("n", &Renamed::n);
  friend bool operator==(const Renamed&, const Renamed&) = default;
};
using Event = std::variant<Registered, Closed, Renamed>;
struct Everything {
  bool yes = false;
  std::int64_t big = 0;
  std::uint64_t bigger = 0;
  double real = 0;
  std::vector<std::pair<std::string, std::int64_t>> top;
  std::map<std::string, double> by_name;
  std::vector<bool> bits;
  Event event;
  static constexpr auto json = fields("yes", &Everything::yes, "big", &Everything::big, "bigger", &Everything::bigger,
                                      "real", &Everything::real, "top", &Everything::top, "by_name",
                                      &Everything::by_name, "bits", &Everything::bits, "event", &Everything::event);
};

template <class T>
std::string text_of(const T& value) {
  Bytes out;
  EXPECT_TRUE(JsonSerde<T>::write(value, out));
  return out;
}
template <class T>
std::string error_of(std::string_view text) {
  auto result = JsonSerde<T>::read(text);
  return result ? "none" : result.error().message();
}

TEST(JsonText, writes_fields_in_the_order_in_which_they_are_listed) {
  EXPECT_EQ(text_of(Registered{"Ann", "a@x"}), R"({"name":"Ann","email":"a@x"})");
  EXPECT_EQ(text_of(Registered{"Ann", std::nullopt}), R"({"name":"Ann","email":null})");
}

TEST(JsonText, tags_a_variant_with_the_name_of_its_type) {
  EXPECT_EQ(text_of(Event(Closed{})), R"({"Closed":{}})");
  EXPECT_EQ(text_of(Event(Renamed{3})), R"({"renamed-v2":{"n":3}})");
  auto event = JsonSerde<Event>::read(R"( { "Registered" : { "email" : "e" , "name" : "n" } } )");
  ASSERT_TRUE(event) << event.error().message();
  EXPECT_EQ(*event, Event(Registered{"n", "e"}));
  EXPECT_EQ(error_of<Event>(R"({"Gone":{}})"), "JSON, byte 8: no alternative is called Gone");
}

TEST(JsonText, reads_back_what_it_writes) {
  Everything all{true,
                 std::numeric_limits<std::int64_t>::min(),
                 std::numeric_limits<std::uint64_t>::max(),
                 0.1,
                 {{"a", 1}, {"b", -2}},
                 {{"x", 1e300}, {"y", -0.0}},
                 {true, false},
                 Renamed{5}};
  std::string text = text_of(all);
  auto read = JsonSerde<Everything>::read(text);
  ASSERT_TRUE(read) << read.error().message() << text;
  EXPECT_EQ(text_of(*read), text);
  EXPECT_EQ(read->big, all.big);
  EXPECT_EQ(read->bigger, all.bigger);
  EXPECT_EQ(read->event, all.event);
}

TEST(JsonText, writes_doubles_so_that_the_same_double_is_read) {
  for (double d : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.125, -2.5}) {
    EXPECT_EQ(*JsonSerde<double>::read(text_of(d)), d);
  }
  Bytes out;
  EXPECT_FALSE(JsonSerde<double>::write(std::nan(""), out));
}

TEST(JsonText, escapes_what_must_be_and_nothing_else) {
  std::string s("\"\\/\b\f\n\r\t\x01 \xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(text_of(s), "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001 \xc3\xa9 \xf0\x9f\x98\x80\"");
  EXPECT_EQ(*JsonSerde<std::string>::read(text_of(s)), s);
  EXPECT_EQ(*JsonSerde<std::string>::read(R"("\u00e9\ud83d\ude00\/\b")"), "\xc3\xa9\xf0\x9f\x98\x80/\b");
}

TEST(JsonText, leaves_out_unknown_fields_and_keeps_the_default_of_missing_ones) {
  auto r = JsonSerde<Renamed>::read(R"({"x":[1,{"y":"}\""},null,true,-1.5e3],"z":{}})");
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->n, 7);
}

TEST(JsonText, says_where_a_text_is_wrong) {
  EXPECT_EQ(error_of<Renamed>(R"({"n":"1"})"), "JSON, byte 5: expected a number");
  EXPECT_EQ(error_of<Renamed>(R"({"n":2147483648})"), "JSON, byte 15: the integer does not fit its field: 2147483648");
  EXPECT_EQ(error_of<Renamed>(R"({"n":1.0})"), "JSON, byte 8: the integer does not fit its field: 1.0");
  EXPECT_EQ(error_of<float>("-1e39"), "JSON, byte 5: the number does not fit its field");
  EXPECT_EQ(error_of<std::int64_t>("01"), "JSON, byte 0: expected a number");
  EXPECT_EQ(error_of<std::int64_t>("1 2"), "JSON, byte 2: something follows the value");
  EXPECT_EQ(error_of<std::vector<int>>("[1,]"), "JSON, byte 3: expected a number");
  EXPECT_EQ(error_of<std::string>("\"abc"), "JSON, byte 4: a string does not end");
  EXPECT_EQ(error_of<std::string>(R"("\ud800x")"), "JSON, byte 7: half of a surrogate pair");
  EXPECT_NE(error_of<std::string>(""), "none");
  EXPECT_NE(error_of<Renamed>(std::string("{\"x\":") + std::string(100000, '[')), "none");
}

TEST(JsonText, refuses_every_prefix_of_an_object) {
  std::string text = text_of(Everything{});
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_NE(error_of<Everything>(text.substr(0, n)), "none") << n;
}

TEST(JsonText, reuses_the_object_that_it_reads_into) {
  Registered user{"somebody with a long name", "and@an.address"};
  ASSERT_TRUE(JsonSerde<Registered>::read_into(R"({"name":"B"})", user));
  EXPECT_EQ(user, (Registered{"B", std::nullopt}));
}

}  // namespace
}  // namespace millrace
