#include "tests/simulation/feed.h"

#include "tests/simulation/topology.h"

namespace millrace::test {

namespace {
constexpr std::uint64_t customer_count = 6, product_count = 4;  // the last product never has a price
std::string customer(std::uint64_t n) { return "c" + std::to_string(n); }
std::string product(std::uint64_t n) { return "p" + std::to_string(n); }
}  // namespace

Result<> Feed::open(LogClient& log) {
  MR_ASSIGN(plain_, log.make_producer({.linger = 0ms}));
  MR_ASSIGN(careful_, log.make_producer({.transactional_id = "feeder", .linger = 0ms}));
  return careful_->init_transactions();
}

void Feed::close() {
  plain_.reset();
  unacknowledged_.clear();
  careful_.reset();
}

Result<> Feed::send(Producer& producer, const char* topic, const std::string& key, std::optional<std::string> value,
                    std::int64_t time_ms) {
  ProducerRecord record;
  record.topic = topic;
  record.key = Bytes(key);
  if (value) record.value = Bytes(*value);
  record.timestamp = Timestamp{time_ms};
  return producer.send(std::move(record), {});
}

Result<> Feed::send_order(Producer& producer, const std::string& who, const std::string& what, std::int64_t time_ms) {
  const std::int64_t id = ++last_id_;
  const std::string value = std::to_string(id) + " " + what + " " + std::to_string(draw_.below(100));
  sent_.push_back(id);
  fed_.orders[id] = {who, value, time_ms};
  return send(producer, "orders", who, value, time_ms);
}

Result<> Feed::send_customer(Producer& producer, const std::string& key, bool deletes, std::int64_t time_ms) {
  std::optional<std::string> value;
  if (!deletes) value = "Customer " + key.substr(1) + " v" + std::to_string(++last_version_);
  fed_.customers[key].push_back(value);
  return send(producer, "customers", key, value, time_ms);
}

Result<> Feed::send_price(Producer& producer, const std::string& key, bool deletes, std::int64_t time_ms) {
  std::optional<std::string> value;
  if (!deletes) value = std::to_string(++last_version_);
  fed_.prices[key].push_back(value);
  return send(producer, "prices", key, value, time_ms);
}

// Some are late, and some of those so late that their window is closed, or gone.
std::int64_t Feed::draw_time() {
  time_ms_ += static_cast<std::int64_t>(draw_.below(120));
  if (draw_.chance(0.1)) return time_ms_ - static_cast<std::int64_t>(draw_.below(2 * window_grace_ms));
  if (draw_.chance(0.03)) return time_ms_ - static_cast<std::int64_t>(draw_.below(3 * window_retention_ms));
  return time_ms_;
}

Result<> Feed::fill_tables() {
  if (is_filled_) return {};
  const std::int64_t then_ms = time_ms_ - 24 * 3'600'000;  // before all orders, late ones too
  for (std::uint64_t c = 0; c < customer_count; ++c) MR_TRY(send_customer(*plain_, customer(c), false, then_ms));
  for (std::uint64_t p = 0; p + 1 < product_count; ++p) MR_TRY(send_price(*plain_, product(p), false, then_ms));
  MR_TRY(plain_->flush());
  is_filled_ = true;
  return {};
}

Result<> Feed::feed() {
  if (draw_.chance(0.15)) time_ms_ += 20'000 + static_cast<std::int64_t>(draw_.below(2 * window_retention_ms));
  const std::size_t count = 1 + draw_.below(12);
  const bool waits = draw_.chance(0.6);  // for the acknowledgement, before the application reads on
  const bool in_transaction = draw_.chance(0.4), aborts = draw_.chance(0.3);
  Producer& producer = in_transaction ? *careful_ : *plain_;
  sent_.clear();
  if (in_transaction) MR_TRY(producer.begin_transaction());
  for (std::size_t i = 0; i < count; ++i) {
    if (draw_.chance(0.06))
      MR_TRY(send_customer(producer, customer(draw_.below(customer_count)), draw_.chance(0.4), time_ms_));
    if (draw_.chance(0.04))
      MR_TRY(send_price(producer, product(draw_.below(product_count - 1)), draw_.chance(0.4), time_ms_));
    MR_TRY(
        send_order(producer, customer(draw_.below(customer_count)), product(draw_.below(product_count)), draw_time()));
  }
  if (!in_transaction) {
    unacknowledged_.insert(sent_.begin(), sent_.end());
    if (!waits) return {};
    MR_TRY(producer.flush());
    fed_.acknowledged.merge(unacknowledged_);
    unacknowledged_.clear();
  } else if (aborts) {
    fed_.aborted.insert(sent_.begin(), sent_.end());
    return producer.abort_transaction();
  } else {
    MR_TRY(producer.commit_transaction());
    fed_.acknowledged.insert(sent_.begin(), sent_.end());
  }
  return {};
}

Result<> Feed::feed_last(bool all) {
  for (std::uint64_t c = 0; c < customer_count; ++c)
    if (all || draw_.chance(0.3)) MR_TRY(send_customer(*plain_, customer(c), draw_.chance(0.4), time_ms_));
  for (std::uint64_t p = 0; p + 1 < product_count; ++p)
    if (all || draw_.chance(0.3)) MR_TRY(send_price(*plain_, product(p), draw_.chance(0.4), time_ms_));
  fed_.first_of_last = last_id_ + 1;
  sent_.clear();
  for (std::uint64_t c = 0; c < customer_count; ++c)
    MR_TRY(send_order(*plain_, customer(c), product(c % product_count), ++time_ms_));
  MR_TRY(plain_->flush());
  fed_.acknowledged.merge(unacknowledged_);
  fed_.acknowledged.insert(sent_.begin(), sent_.end());
  return {};
}

}  // namespace millrace::test
