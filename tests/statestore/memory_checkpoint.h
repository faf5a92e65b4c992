// MemoryCheckpoint: rows of a checkpoint in a map, which counts how often it is asked: for tests of what a store loads.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/statestore/checkpoint_rows.h"
#include "millrace/statestore/store_error.h"

namespace millrace::contract {

class MemoryCheckpoint final : public Checkpoint {
 public:
  void apply(const CheckpointRows& update) {
    written = true;
    rows.erase(rows.begin(), rows.lower_bound(std::string(update.expired_below)));
    for (const auto& row : update.rows) {
      const std::string key(row.key);
      row.deleted ? void(rows.erase(key)) : void(rows[key] = row.value);
    }
  }
  bool may_have_rows() const override { return written; }
  Result<bool> get(BytesView key, std::string& value) override {
    ++gets;
    if (fails) return Error(ErrorCode::kafka_storage_error, "the disk is on fire");
    auto row = rows.find(std::string(key));
    if (row == rows.end()) return false;
    value = row->second;
    return true;
  }
  std::unique_ptr<RowIterator> scan(std::optional<Bytes> from, std::optional<Bytes> to, bool ascending) override {
    ++scans;
    return std::make_unique<Rows>(*this, std::move(from), std::move(to), ascending);
  }

  std::map<std::string, std::string> rows;
  bool written = false, fails = false;
  int gets = 0, scans = 0, seeks = 0;

 private:
  using Map = std::map<std::string, std::string>;
  // Over a copy: as of its creation.
  class Rows final : public RowIterator {
   public:
    Rows(MemoryCheckpoint& owner, std::optional<Bytes> from, std::optional<Bytes> to, bool ascending)
        : owner_(owner), ascending_(ascending) {
      auto first = from ? owner.rows.lower_bound(*from) : owner.rows.begin();
      auto last = to ? owner.rows.lower_bound(*to) : owner.rows.end();
      if (!from || !to || *from < *to) rows_.insert(first, last);
      at_ = ascending_ ? rows_.begin() : rows_.end();
    }
    bool next() override {
      if (owner_.fails) throw StoreError("the disk is on fire");
      if (ascending_) {
        if (started_) ++at_;
        started_ = true;
        return at_ != rows_.end();
      }
      if (at_ == rows_.begin()) return false;
      --at_;
      return true;
    }
    bool seek(BytesView key) override {
      ++owner_.seeks;
      started_ = false;
      at_ = ascending_ ? rows_.lower_bound(std::string(key)) : rows_.upper_bound(std::string(key));
      return next();
    }
    BytesView key() const override { return at_->first; }
    BytesView value() const override { return at_->second; }

   private:
    MemoryCheckpoint& owner_;
    const bool ascending_;
    Map rows_;
    Map::iterator at_;
    bool started_ = false;
  };
};

}  // namespace millrace::contract
