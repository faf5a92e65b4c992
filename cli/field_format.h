// How keys and values are written on the command line, and read from it.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"

namespace millrace::cli {

// long, int and double are big-endian, 8, 4 and 8 bytes, as Kafka's serialisers write them.
enum class FieldFormat { string, json, long_number, int_number, double_number, hex, base64 };
// "string", "json", "long", "int", "double", "hex", "base64".
const std::vector<std::string>& field_format_names();
FieldFormat field_format_named(const std::string& name);  // precondition: it is one of them

// One line of text for `bytes`; a string as it is. Error: INVALID_RECORD if they don't fit the format.
Result<std::string> to_text(BytesView bytes, FieldFormat format);
// The same for an object of --format json: a string, a number, JSON itself; a string that is not UTF-8 is {"base64":
// "…"}.
Result<nlohmann::ordered_json> to_json(BytesView bytes, FieldFormat format);
// The bytes that `text` stands for. Error: INVALID_RECORD.
Result<Bytes> from_text(std::string_view text, FieldFormat format);
// The reverse of to_json: of what `consume --format json` printed, or of text in the format.
Result<Bytes> from_json(const nlohmann::ordered_json& json, FieldFormat format);

bool is_utf8(std::string_view text);
// Whether JSON is nested so deeply (over `most` levels; 1000 as in Jackson) that writing it again may overflow the
// stack.
bool nests_too_deeply(std::string_view json, int most = 1000);

}  // namespace millrace::cli
