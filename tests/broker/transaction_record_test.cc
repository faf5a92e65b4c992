#include "millrace/broker/transaction_record.h"

#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

std::string hex(BytesView bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    text += "0123456789abcdef"[c >> 4];
    text += "0123456789abcdef"[c & 15];
  }
  return text;
}

// The bytes of Kafka's TransactionLogKey version 0 and TransactionLogValue version 1.
TEST(TransactionRecord, has_kafkas_bytes) {
  TransactionRecord record{"tx",  5,   -1, -1, 3, 10s, TransactionState::prepare_commit, {{"a", 0}, {"a", 2}},
                           {100}, {90}};
  EXPECT_EQ(hex(encode_transaction_key("tx")), "000000027478");
  EXPECT_EQ(hex(encode_transaction_value(record)),
            "0001"
            "0000000000000005"
            "0003"
            "00002710"
            "02"  // version, producer, epoch, timeout, state
            "02"
            "0261"
            "03"
            "00000000"
            "00000002"
            "00"  // one topic of two partitions
            "0000000000000064"
            "000000000000005a"  // last update, start
            "01"
            "02"
            "02"
            "0002");  // one tagged field: client transaction version 2
}

TEST(TransactionRecord, is_read_as_it_was_written) {
  for (auto state : {TransactionState::empty, TransactionState::prepare_abort, TransactionState::complete_commit}) {
    TransactionRecord record{"tx", 5, 4, 6, 3, 10s, state, {}, {100}, {-1}};
    if (state == TransactionState::prepare_abort) record.partitions = {{"a", 0}, {"b", 1}};
    Bytes value = encode_transaction_value(record);
    auto read = decode_transaction(encode_transaction_key("tx"), value);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->partitions, record.partitions);
    EXPECT_EQ(read->previous_producer_id, 4);
    EXPECT_EQ(read->next_producer_id, 6);
    EXPECT_EQ(read->state, state);
    for (std::size_t size = 0; size < value.size(); ++size) {
      (void)decode_transaction(encode_transaction_key("tx"), BytesView(value).substr(0, size));
    }
    value[1] = 2;
    EXPECT_EQ(decode_transaction(encode_transaction_key("tx"), value).error().code(), ErrorCode::unsupported_version);
  }
}

}  // namespace
}  // namespace millrace::broker
