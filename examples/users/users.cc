// Users, event-sourced: what a user is, is the fold of what happened to it. The state directory is deleted half-way,
// and the state comes back from the compacted changelog.
//
//   users --data-dir data
#include <millrace/json.h>
#include <millrace/streams.h>

#include <cstdio>
#include <variant>

#include "millrace/base/env_real.h"
#include "millrace/dsl/topology.h"

using namespace millrace;

namespace {

struct Registered {
  std::string name, email;
  static constexpr std::string_view json_name = "Registered";
  static constexpr auto json = fields("name", &Registered::name, "email", &Registered::email);
};
struct NameChanged {
  std::string name;
  static constexpr std::string_view json_name = "NameChanged";
  static constexpr auto json = fields("name", &NameChanged::name);
};
struct Left {
  static constexpr std::string_view json_name = "Left";
  static constexpr auto json = fields();
};
using UserEvent = std::variant<Registered, NameChanged, Left>;

struct User {
  std::string name, email;
  static constexpr auto json = fields("name", &User::name, "email", &User::email);
};

constexpr Topic<std::string, UserEvent> user_events{"user-events", {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, std::optional<User>> users{"users", {.partitions = 4, .compact = true}};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::optional<User> apply_event(const UserEvent& event, std::optional<User> user) {
  return std::visit(
      Overloaded{
          [&](const Registered& e) -> std::optional<User> { return User{e.name, e.email}; },
          [&](const NameChanged& e) -> std::optional<User> {
            if (user) user->name = e.name;
            return user;
          },
          [&](const Left&) -> std::optional<User> { return std::nullopt; },  // a tombstone in the changelog
      },
      event);
}

void user_table(StreamsBuilder& builder) {
  builder.stream(user_events)
      .group_by_key()
      .aggregate(std::optional<User>{}, apply_event, {.as = "users"})
      .to_stream()
      .to(users);
}

struct Failure {
  std::string what;
};
template <class R>
auto check(R result) {
  if (!result) throw Failure{result.error().text()};
  if constexpr (requires { *result; }) return *std::move(result);
}

void say(LogClient& log, const std::string& key, const UserEvent& event) {
  auto producer = check(log.make_producer({}));
  ProducerRecord record;
  record.topic = std::string(user_events.name);
  record.key = Bytes(std::string_view(key));
  record.value.emplace();
  check(user_events.options.value_serde.table->write(user_events.options.value_serde.self, &event, *record.value, {}));
  check(producer->send(std::move(record)).get());
}

// Runs the topology over all there is, and shows what it knows of `key`.
void show(LogClient& log, const std::string& data_dir, const std::string& key, const char* when) {
  StreamsBuilder builder;
  user_table(builder);
  Streams app("users", builder.build(), {{}, data_dir + "/state", data_dir}, real_env(), log);
  check(app.start());
  check(app.run_until_end_of_input());
  const std::optional<User> user = app.store<std::string, User>("users").get(key);
  std::printf("%-42s %s = %s\n", when, key.c_str(), user ? (user->name + " <" + user->email + ">").c_str() : "nobody");
  check(app.close());
}

void tell_the_story(const std::string& data_dir) {
  auto log = check(make_log_client(real_env(), data_dir, {}));
  if (auto made = log->admin().create_topic({std::string(user_events.name), 4, {{"retention.ms", "-1"}}});
      !made && made.error().code() != ErrorCode::topic_already_exists)
    check(std::move(made));
  say(*log, "User:123", Registered{"Ahmet", "ahmet@example.org"});
  say(*log, "User:456", Registered{"Ayşe", "ayse@example.org"});
  show(*log, data_dir, "User:123", "registered");
  say(*log, "User:123", NameChanged{"Mehmet"});
  show(*log, data_dir, "User:123", "has another name");
  check(real_env().files().remove_all(data_dir + "/state/users", "users.state.delete"));
  show(*log, data_dir, "User:123", "state directory deleted, restored");
  say(*log, "User:123", Left{});
  show(*log, data_dir, "User:123", "has left");
  show(*log, data_dir, "User:456", "the other one is still there");
}

constexpr const char* usage =
    "usage: users --data-dir DIR\n"
    "Event-sourced users: each line is a start of the topology over the events so far, and a query of its store.\n"
    "Example: users --data-dir data\n";

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    std::printf("%s", usage);
    return 0;
  }
  if (argc != 3 || std::string_view(argv[1]) != "--data-dir") {
    std::fprintf(stderr, "%s", usage);
    return 2;
  }
  try {
    tell_the_story(argv[2]);
    return 0;
  } catch (const Failure& f) {
    std::fprintf(stderr, "users: %s\n", f.what.c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "users: %s\n", e.what());
  }
  return 1;
}
