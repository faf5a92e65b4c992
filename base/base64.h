// Base64 (RFC 4648): bytes as text, for places that hold text only.
#pragma once
#include <string>
#include <string_view>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// With padding, as java.util.Base64's encoder.
std::string to_base64(BytesView bytes);
// URL-safe ('-' and '_'), without padding: how Kafka prints UUIDs.
std::string to_base64_url(BytesView bytes);
// A topic's id so, as org.apache.kafka.common.Uuid.toString prints it: 22 characters.
std::string text_of(const TopicId& id);
// The reverse of to_base64. Error: INVALID_RECORD for text that is not base64, or is not padded.
Result<Bytes> from_base64(std::string_view text);

}  // namespace millrace
