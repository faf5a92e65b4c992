#include "millrace/metrics_file.h"

#include <filesystem>
#include <tuple>
#include <utility>

#include "millrace/base/log.h"
#include "millrace/base/prometheus_text.h"

namespace millrace {

namespace {
constexpr std::int64_t interval_ns = 1'000'000'000;
constexpr Site site = "metrics.file.write";
}  // namespace

Result<std::unique_ptr<MetricsFile>> MetricsFile::open(Env& env, const Streams& app, const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_symlink(path, none))
    return Error(ErrorCode::invalid_config,
                 path + " is a symbolic link, which a file would take the place of: name the file that it leads to");
  std::unique_ptr<MetricsFile> file(new MetricsFile(env, app, path));
  MR_TRY(file->write());
  file->writer_ = env.make_io_executor(1, "metrics");
  file->schedule();
  return file;
}

MetricsFile::~MetricsFile() {
  if (writer_) writer_->drain();
}

Result<> MetricsFile::write() {
  const std::string text = prometheus_text(app_.metrics());
  std::lock_guard lock(mutex_);
  const std::string next = path_ + ".tmp";
  MR_ASSIGN(auto file, env_.files().open(next, OpenMode::replace));
  MR_TRY(file->append(text, site));
  file.reset();
  auto renamed = env_.files().rename(next, path_, site);
  if (!renamed) std::ignore = env_.files().remove(next, site);
  return renamed;
}

void MetricsFile::schedule() {
  writer_->post_at(env_.clock().monotonic_ns() + interval_ns, [this] {
    if (auto written = write(); !written && !std::exchange(complained_, true))
      log_warn("metrics are not written", {{"file", path_}, {"why", written.error().text()}});
    schedule();
  });
}

}  // namespace millrace
