#include "millrace/runtime/topic_setup.h"

#include <algorithm>

namespace millrace {

namespace {

class Setup {
 public:
  Setup(Admin& admin, const Topology& topology, const TopicSetupOptions& options)
      : admin_(admin), topology_(topology), options_(options) {}

  Result<TopicSetup> run() {
    MR_TRY(find_sources());
    MR_TRY(count_repartition_topics());
    MR_TRY(check_copartitioning());
    count_tasks();
    MR_TRY(miss_repartition_topics());
    MR_TRY(make_internal_topics());
    MR_TRY(make_sink_topics());
    find_own_topics();
    return std::move(setup_);
  }

 private:
  std::string name_of(const TopologyNode& node, const std::string& topic) const {
    return node.internal_topic ? options_.application_id + "-" + topic : topic;
  }

  Result<> find_sources() {
    for (const TopologyNode& node : topology_.nodes) {
      if (node.kind != TopologyNode::Kind::source || node.internal_topic) continue;
      for (const std::string& topic : node.topics) {
        auto found = admin_.describe_topic(topic);
        if (!found && found.error().code() == ErrorCode::unknown_topic_or_partition)
          return Error(ErrorCode::unknown_topic_or_partition,
                       "source topic " + topic + " of node " + node.name +
                           " does not exist. Make it with: millrace topics create " + topic + " --partitions " +
                           std::to_string(options_.default_partitions) +
                           (options_.data_dir.empty() ? "" : " --data-dir " + options_.data_dir));
        if (!found) return std::move(found).error();
        setup_.partitions[topic] = found->partitions;
      }
    }
    return {};
  }

  // The partition count of what feeds a sub-topology: known once all its source topics are; `in_part`: of those that
  // are.
  int inputs_of(int sub_topology, bool in_part = false) const {
    int most = 0;
    for (const TopologyNode& node : topology_.nodes) {
      if (node.kind != TopologyNode::Kind::source || node.sub_topology != sub_topology) continue;
      for (const std::string& topic : node.topics) {
        auto known = setup_.partitions.find(name_of(node, topic));
        if (known != setup_.partitions.end())
          most = std::max(most, known->second);
        else if (!in_part)
          return 0;
      }
    }
    return most;
  }

  // A sub-topology may read what it writes (a rekeyed stream that is joined with a table of its own): then what else
  // feeds it decides.
  Result<> count_repartition_topics() {
    bool in_part = false;
    for (std::size_t left = topology_.repartition_topics.size(); left > 0;) {
      const std::size_t counted = count_more(in_part);
      if (counted == 0 && in_part)
        return Error(ErrorCode::invalid_partitions,
                     "the partition counts of the repartition topics depend on each other in a circle");
      left -= counted;
      in_part = counted == 0;
    }
    return {};
  }

  // How many repartition topics; `in_part`: one at most.
  std::size_t count_more(bool in_part) {
    std::size_t counted = 0;
    for (const auto& [topic, forced] : topology_.repartition_topics) {
      const std::string name = options_.application_id + "-" + topic;
      if (setup_.partitions.contains(name)) continue;
      const int count = forced ? *forced : writers_of(topic, in_part);
      if (count == 0) continue;
      setup_.partitions[name] = count;
      setup_.repartition_topics.insert(name);
      ++counted;
      if (in_part) break;
    }
    return counted;
  }

  int writers_of(const std::string& topic, bool in_part) const {
    int most = 0;
    for (const TopologyNode& node : topology_.nodes) {
      if (node.kind != TopologyNode::Kind::sink || !node.internal_topic || node.topics.at(0) != topic) continue;
      const int inputs = inputs_of(node.sub_topology, in_part);
      if (inputs == 0 && !in_part) return 0;
      most = std::max(most, inputs);
    }
    return most;
  }

  std::string resolved(const std::string& topic) const {
    return topology_.repartition_topics.contains(topic) ? options_.application_id + "-" + topic : topic;
  }

  // Unforced repartition topics of a join take the partition count of the other inputs; the largest, if all are such.
  void level_copartitions() {
    for (const auto& group : topology_.copartition_groups) {
      int fixed = 0, most = 0;
      for (const std::string& topic : group) {
        const int count = setup_.partitions.at(resolved(topic));
        most = std::max(most, count);
        if (!is_free(topic)) fixed = count;
      }
      for (const std::string& topic : group)
        if (is_free(topic)) setup_.partitions[resolved(topic)] = fixed > 0 ? fixed : most;
    }
  }
  bool is_free(const std::string& topic) const {
    auto repartition = topology_.repartition_topics.find(topic);
    return repartition != topology_.repartition_topics.end() && !repartition->second;
  }

  Result<> check_copartitioning() {
    level_copartitions();
    for (const auto& group : topology_.copartition_groups) {
      for (const std::string& topic : group) {
        const int a = setup_.partitions[resolved(group[0])], b = setup_.partitions[resolved(topic)];
        if (a != b)
          return Error(ErrorCode::invalid_partitions,
                       "topics that are joined must have the same number of partitions: " + group[0] + " has " +
                           std::to_string(a) + ", " + topic + " has " + std::to_string(b) +
                           ". repartition() one of them first");
      }
    }
    return {};
  }

  void count_tasks() {
    for (int s = 0; s < topology_.sub_topology_count; ++s) setup_.task_counts.push_back(inputs_of(s));
  }

  int changelog_partitions(const std::string& store) const {
    for (const TopologyNode& node : topology_.nodes)
      if (node.sub_topology >= 0 && std::find(node.stores.begin(), node.stores.end(), store) != node.stores.end())
        return setup_.task_counts[static_cast<std::size_t>(node.sub_topology)];
    return 0;
  }

  // Repartition topics first: where a changelog is there, so was what its store is fed from.
  Result<> make_internal_topics() {
    using Type = Topology::InternalTopic::Type;
    const auto topics = topology_.internal_topics(options_.application_id);
    for (const auto& topic : topics)
      if (topic.type == Type::repartition) MR_TRY(make_or_check(topic, setup_.partitions.at(topic.name)));
    for (const auto& topic : topics) {
      if (topic.type != Type::changelog) continue;
      const std::string prefix = options_.application_id + "-", suffix = "-changelog";
      const std::string store = topic.name.substr(prefix.size(), topic.name.size() - prefix.size() - suffix.size());
      MR_TRY(make_or_check(topic, changelog_partitions(store)));
    }
    return {};
  }

  Result<bool> is_there(const std::string& topic) {
    auto described = admin_.describe_topic(topic);
    if (!described && described.error().code() != ErrorCode::unknown_topic_or_partition)
      return std::move(described).error();
    return described.has_value();
  }

  // A sub-topology of whose inputs none is there, though the changelog of one of its stores is: they were repartition
  // topics, and are gone. A topology that was extended makes both anew; where another input is there, it may have
  // filled the store before.
  Result<> miss_repartition_topics() {
    for (int s = 0; s < topology_.sub_topology_count; ++s) {
      MR_ASSIGN(const std::string gone, missing_input_of(s));
      if (gone.empty()) continue;
      for (const StoreSpec& store : topology_.stores) {
        const std::string changelog = options_.application_id + "-" + store.name + "-changelog";
        if (!store.has_own_changelog() || !is_store_of(s, store.name)) continue;
        MR_ASSIGN(const bool has_run, is_there(changelog));
        if (!has_run) continue;
        MR_ASSIGN(const bool is_committed, has_committed());
        if (is_committed) return is_gone(gone, changelog);
      }
    }
    return {};
  }

  // A repartition topic, if all inputs are such, and not there; else empty.
  Result<std::string> missing_input_of(int sub_topology) {
    std::string missing;
    for (const TopologyNode& node : topology_.nodes) {
      if (node.kind != TopologyNode::Kind::source || node.sub_topology != sub_topology) continue;
      if (!node.internal_topic) return std::string();
      for (const std::string& topic : node.topics) {
        missing = name_of(node, topic);
        MR_ASSIGN(const bool there, is_there(missing));
        if (there) return std::string();
      }
    }
    return missing;
  }

  bool is_store_of(int sub_topology, const std::string& store) const {
    return std::any_of(topology_.nodes.begin(), topology_.nodes.end(), [&](const TopologyNode& node) {
      return node.sub_topology == sub_topology &&
             std::find(node.stores.begin(), node.stores.end(), store) != node.stores.end();
    });
  }

  // Else all is read anew from the start, and nothing is missing.
  Result<bool> has_committed() {
    MR_ASSIGN(const auto groups, admin_.describe_groups());
    return std::any_of(groups.begin(), groups.end(), [&](const GroupDescription& group) {
      return group.group_id == options_.application_id && !group.committed.empty();
    });
  }

  Error is_gone(const std::string& topic, const std::string& changelog) const {
    return Error(ErrorCode::invalid_config,
                 "repartition topic " + topic +
                     " was deleted, and with it what it held and was not processed yet: " + changelog +
                     " is there, which is fed from it alone. Use another application id to start anew. Or, "
                     "to go on without that, make the topic: millrace topics create " +
                     topic + " --partitions " + std::to_string(setup_.partitions.at(topic)) +
                     " --config retention.ms=-1" +
                     (options_.data_dir.empty() ? "" : " --data-dir " + options_.data_dir) +
                     "; and delete the application's state directory (its state comes back from the changelogs)");
  }

  Result<> make_or_check(const Topology::InternalTopic& topic, int count) {
    setup_.partitions[topic.name] = count;
    auto there = admin_.describe_topic(topic.name);
    const TopicDescription wanted{.name = topic.name, .configs = topic.config};
    setup_.message_bytes_max[topic.name] = (there ? *there : wanted).message_bytes_max();
    if (!there && there.error().code() == ErrorCode::unknown_topic_or_partition)
      return admin_.create_topic({topic.name, count, topic.config});
    if (!there) return std::move(there).error();
    if (there->partitions != count)
      return Error(ErrorCode::invalid_partitions,
                   "internal topic " + topic.name + " has " + std::to_string(there->partitions) +
                       " partitions, and the topology needs " + std::to_string(count) +
                       ". Use another application id, or delete the topic to start anew");
    if (there->cleanup_policy() != wanted.cleanup_policy())
      return Error(ErrorCode::invalid_config, "internal topic " + topic.name +
                                                  " has cleanup.policy=" + there->cleanup_policy() +
                                                  ", and the topology needs " + wanted.cleanup_policy());
    return {};
  }

  void find_own_topics() {
    setup_.own_topics = setup_.repartition_topics;
    std::set<std::string> sinks;
    for (const TopologyNode& node : topology_.nodes)
      if (node.kind == TopologyNode::Kind::sink && !node.internal_topic)
        sinks.insert(node.topics.begin(), node.topics.end());
    for (const TopologyNode& node : topology_.nodes)
      if (node.kind == TopologyNode::Kind::source)
        for (const std::string& topic : node.topics)
          if (sinks.contains(topic)) setup_.own_topics.insert(topic);
  }

  Result<> make_sink_topics() {
    for (const TopologyNode& node : topology_.nodes) {
      if (node.kind != TopologyNode::Kind::sink || node.internal_topic) continue;
      const std::string& topic = node.topics.at(0);
      auto there = admin_.describe_topic(topic);
      if (there) {
        setup_.partitions[topic] = there->partitions;
        continue;
      }
      if (there.error().code() != ErrorCode::unknown_topic_or_partition || !options_.make_sink_topics)
        return std::move(there).error().in("sink topic " + topic + " of node " + node.name);
      const NewTopic made = new_sink_topic(topic);
      MR_TRY(admin_.create_topic(made));
      setup_.partitions[topic] = made.partitions;
    }
    return {};
  }

  NewTopic new_sink_topic(const std::string& topic) const {
    NewTopic made{topic, options_.default_partitions, {}};
    auto settings = topology_.topic_settings.find(topic);
    if (settings == topology_.topic_settings.end()) return made;
    if (settings->second.partitions > 0) made.partitions = settings->second.partitions;
    if (settings->second.retention.count() != 0)
      made.configs["retention.ms"] =
          std::to_string(settings->second.retention.count() < 0 ? -1 : settings->second.retention.count());
    if (settings->second.compact) made.configs["cleanup.policy"] = "compact";
    return made;
  }

  Admin& admin_;
  const Topology& topology_;
  const TopicSetupOptions& options_;
  TopicSetup setup_;
};

}  // namespace

Result<TopicSetup> set_up_topics(Admin& admin, const Topology& topology, const TopicSetupOptions& options) {
  return Setup(admin, topology, options).run();
}

}  // namespace millrace
