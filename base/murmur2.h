// The hash that decides which partition a key goes to: MurmurHash2 with Kafka's seed, so that our producers and Java's
// agree.
#pragma once
#include <cstdint>

#include "millrace/base/bytes.h"
#include "millrace/base/types.h"

namespace millrace {

// MurmurHash2, 32 bit, seed 0x9747b28c, over little-endian words: org.apache.kafka.common.utils.Utils.murmur2.
std::int32_t murmur2(BytesView bytes);

// The partition of a key: the hash without its sign, modulo the count. Precondition: partitions > 0.
// Source: Kafka's BuiltInPartitioner.partitionForKey.
PartitionId partition_for_key(BytesView key, int partitions);

}  // namespace millrace
