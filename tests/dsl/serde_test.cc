// Serdes of one's own: the shapes they may have, and how the DSL chooses among them.
#include "millrace/dsl/serde.h"

#include <gtest/gtest.h>

#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

struct Point {
  std::int32_t x = 0, y = 0;
};
struct Registry {
  std::string prefix;
};
// An object with state, that wants to know the topic.
struct PointWithRegistry {
  Registry& registry;
  Result<int> write(const Point& p, Bytes& out, const SerdeContext& context) const {
    out.append(registry.prefix + std::string(context.topic) + std::to_string(p.x));
    return 1;
  }
  Result<Point> read(BytesView in, const SerdeContext& context) const {
    if (!context.is_key) return Error("a key was expected");
    return Point{static_cast<std::int32_t>(in.size()), 0};
  }
};
struct OnlyAtRunTime {
  std::string text;
};

}  // namespace
template <>
struct Serde<OnlyAtRunTime> : RuntimeSerde {};
namespace {

struct Texts {
  static void write(const OnlyAtRunTime& v, Bytes& out) { out.append(v.text); }
  static Result<OnlyAtRunTime> read(BytesView in) { return OnlyAtRunTime{std::string(in)}; }
};
constexpr Texts texts{};
struct OtherTexts : Texts {};
constexpr OtherTexts other_texts{};

TEST(Serde, may_be_an_object_with_state_that_is_told_the_topic) {
  Registry registry{"r/"};
  PointWithRegistry serde{registry};
  AnySerde any = SerdeRef<Point>(serde);
  Point p{7, 8};
  Bytes out;
  ASSERT_TRUE(any.table->write(any.self, &p, out, {"topic", true, nullptr}));
  EXPECT_EQ(out, "r/topic7");
  EXPECT_EQ(any.table->serialized_size(any.self, &p), 3u);
  AnyValue read(any.table->type);
  EXPECT_FALSE(read.read(any, "abc", {"topic", false, nullptr}));
  ASSERT_TRUE(read.read(any, "abc", {"topic", true, nullptr}));
  EXPECT_EQ(static_cast<const Point*>(read.get())->x, 3);
}

TEST(Serde, of_a_type_that_has_none_but_at_run_time_is_missed_when_the_topology_is_built) {
  StreamsBuilder b;
  EXPECT_THROW(b.stream(Topic<std::string, OnlyAtRunTime>{"t"}), TopologyError);
  b.stream(Topic<std::string, OnlyAtRunTime>{"t", {.value_serde = texts}});
}

const void* store_serde(void (*describe)(StreamsBuilder&)) {
  StreamsBuilder b;
  describe(b);
  return b.build().store("s")->value.self;
}
auto newer = [](const OnlyAtRunTime&, const OnlyAtRunTime& v) { return v; };
const Topic<std::string, OnlyAtRunTime> topic{"t", {.value_serde = texts}};

TEST(Serde, comes_along_with_the_stream_as_long_as_the_type_stays) {
  EXPECT_EQ(
      store_serde([](StreamsBuilder& b) {
        b.stream(topic).filter([](const OnlyAtRunTime&) { return true; }).group_by_key().reduce(newer, {.as = "s"});
      }),
      &texts);
  EXPECT_EQ(store_serde([](StreamsBuilder& b) {
              b.stream(topic)
                  .map_values([](const OnlyAtRunTime& v) { return v.text; })
                  .group_by_key()
                  .reduce([](const std::string&, const std::string& v) { return v; }, {.as = "s"});
            }),
            &the_serde<std::string>);
}

TEST(Serde, of_an_option_wins_over_the_one_that_came_along) {
  EXPECT_EQ(store_serde([](StreamsBuilder& b) {
              b.stream(topic).group_by_key().reduce(newer, {.as = "s", .value_serde = other_texts});
            }),
            &other_texts);
  EXPECT_EQ(store_serde([](StreamsBuilder& b) {
              b.stream(topic).group_by_key({.value_serde = other_texts}).reduce(newer, {.as = "s"});
            }),
            &other_texts);
}

// Counts its objects, so that one that is left behind is found.
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  ~Counted() { --alive; }
  static inline int alive = 0;
};
struct ThrowingInto {
  static void write(const Counted&, Bytes&) {}
  static Result<Counted> read(BytesView) { return Counted(); }
  static Result<> read_into(BytesView in, Counted&) {
    if (in == "throw") throw std::runtime_error("cannot be read");
    if (in == "error") return Error("cannot be read");
    return {};
  }
};

TEST(Serde, that_throws_while_it_reads_into_an_object_leaves_none_behind) {
  using Functions = SerdeFunctions<ThrowingInto, Counted>;
  const ThrowingInto serde;
  alignas(Counted) char memory[sizeof(Counted)];
  EXPECT_THROW((void)Functions::read(&serde, "throw", memory, false, {}), std::runtime_error);
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_FALSE(Functions::read(&serde, "error", memory, false, {}));
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_TRUE(Functions::read(&serde, "fine", memory, false, {}));
  EXPECT_EQ(Counted::alive, 1);
  EXPECT_THROW((void)Functions::read(&serde, "throw", memory, true, {}), std::runtime_error);
  EXPECT_EQ(Counted::alive, 1) << "one that was there stays";
  reinterpret_cast<Counted*>(memory)->~Counted();
}

}  // namespace
}  // namespace millrace
