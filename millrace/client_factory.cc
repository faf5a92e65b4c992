#include "millrace/client_factory.h"

#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/runtime/streams_config.h"

namespace millrace {

Result<std::unique_ptr<LogClient>> make_log_client(Env& env, const std::string& data_dir, const ConfigValues& values) {
  MR_ASSIGN(Config config, Config::parse(streams_configs(), values));
  if (!config.string("bootstrap.servers").empty())
    return Error(ErrorCode::invalid_config,
                 "bootstrap.servers = " + config.string("bootstrap.servers") +
                     ": this Millrace has no cluster client; leave it out to use the bundled broker");
  EmbeddedConfig embedded;
  embedded.data_dir = data_dir;
  embedded.flush = config.string("flush") == "os" ? EmbeddedConfig::Flush::os : EmbeddedConfig::Flush::group;
  embedded.num_partitions = static_cast<int>(config.integer("num.partitions"));
  return open_embedded(env, embedded);
}

}  // namespace millrace
