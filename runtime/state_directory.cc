#include "millrace/runtime/state_directory.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "millrace/base/base64.h"
#include "millrace/base/bytes.h"

namespace millrace {

namespace {

constexpr int format = 1;
constexpr const char* file_name = "/millrace-state.json";
constexpr const char* repartition_topics = "repartition-topics";
using Json = nlohmann::ordered_json;

Json described(const std::string& application_id, const Topology& topology) {
  Json stores = Json::object();
  for (const StoreSpec& s : topology.stores) {
    if (s.is_global || s.in_memory) continue;
    int sub_topology = -1;
    for (const TopologyNode& node : topology.nodes)
      for (const std::string& name : node.stores)
        if (name == s.name) sub_topology = node.sub_topology;
    const bool window = s.kind == StoreSpec::Kind::window;
    stores[s.name] = (window ? "window store, retention " + std::to_string(s.retention.count()) + " ms"
                             : std::string("key-value store")) +
                     " of sub-topology " + std::to_string(sub_topology);
  }
  return {{"format", format}, {"application.id", application_id}, {"stores", stores}};
}

// As described() makes it, whatever it says.
bool is_description(const Json& j) {
  if (!j.is_object() || !j.contains("format") || !j["format"].is_number_integer()) return false;
  if (!j.contains("application.id") || !j.contains("stores") || !j["stores"].is_object()) return false;
  return std::all_of(j["stores"].begin(), j["stores"].end(), [](const Json& store) { return store.is_string(); });
}

Result<> write_description(Env& env, const std::string& file, const Json& description) {
  return env.files().write_file_atomically(file, description.dump(1) + "\n", "state.directory.describe");
}

std::string difference(const Json& was, const Json& is) {
  std::string out;
  for (const auto& [name, what] : was.items())
    if (!is.contains(name) || is[name] != what) out += "\n  - " + name + ": " + what.get<std::string>();
  for (const auto& [name, what] : is.items())
    if (!was.contains(name) || was[name] != what) out += "\n  + " + name + ": " + what.get<std::string>();
  return out;
}

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(Env& env, const std::string& state_dir,
                                                             const std::string& application_id,
                                                             const Topology& topology) {
  const std::string path = state_dir + "/" + application_id;
  const std::string file = path + file_name;
  MR_TRY(env.files().make_durable_directories(path, "state.directory.parent"));
  MR_ASSIGN(auto lock, env.files().lock(path + "/millrace.lock"));
  const Json now = described(application_id, topology);
  if (!env.files().exists(file)) {
    MR_TRY(write_description(env, file, now));
    return std::unique_ptr<StateDirectory>(new StateDirectory(env, path, std::move(lock)));
  }
  MR_ASSIGN(Bytes content, env.files().read_file(file));
  const Json was = Json::parse(content, nullptr, false);
  if (!is_description(was))
    return Error(ErrorCode::corrupt_message,
                 file + " is damaged. Delete " + path + ": the state comes back from the changelogs");
  if (was["format"].get<int>() > format)
    return Error(ErrorCode::unsupported_version, path + " has format " + was["format"].dump() +
                                                     ", written by a newer Millrace; this one knows " +
                                                     std::to_string(format));
  if (was["application.id"] != application_id)
    return Error(ErrorCode::invalid_config,
                 path + " belongs to application " + was["application.id"].dump() + ", not " + application_id);
  if (const std::string changes = difference(was["stores"], now["stores"]); !changes.empty())
    return Error(
        ErrorCode::invalid_config,
        path + " was written by another topology of this application id:" + changes +
            "\nUse another application id, or delete the directory (its state comes back from the changelogs)");
  return std::unique_ptr<StateDirectory>(new StateDirectory(env, path, std::move(lock)));
}

Result<> StateDirectory::check_repartition_topics(const std::map<std::string, TopicId>& topics, bool is_committed) {
  const std::string file = path_ + file_name;
  MR_ASSIGN(Bytes content, env_.files().read_file(file));
  Json description = Json::parse(content);  // open() has written it, or found it good
  Json now = Json::object();
  for (const auto& [name, id] : topics) now[name] = text_of(id);
  const Json was = description.value(repartition_topics, Json::object());
  for (const auto& [name, id] : was.items())
    if (is_committed && now.contains(name) && now[name] != id)
      return Error(ErrorCode::invalid_config,
                   "repartition topic " + name +
                       " was deleted since the last start, and with it what it held and was not processed yet. Use "
                       "another application id to start anew, or delete " +
                       path_ + " to go on without that (its state comes back from the changelogs)");
  if (was == now) return {};
  description[repartition_topics] = now;
  return write_description(env_, file, description);
}

}  // namespace millrace
