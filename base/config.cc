#include "millrace/base/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace millrace {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class N>
bool parse_number(std::string_view text, N& n) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> entries;
  if (trimmed(text).empty()) return entries;
  while (true) {
    std::size_t comma = text.find(',');
    entries.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return entries;
    text.remove_prefix(comma + 1);
  }
}

std::string number_text(double n) {
  if (n == std::floor(n) && std::abs(n) < 9e18) return std::to_string(static_cast<std::int64_t>(n));
  std::string text = std::to_string(n);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

bool is_number(ConfigType type) {
  return type == ConfigType::integer || type == ConfigType::real || type == ConfigType::duration_ms ||
         type == ConfigType::size_bytes;
}

bool fits_type(ConfigType type, const std::string& value) {
  std::int64_t n;
  double real;
  if (type == ConfigType::boolean) return lower(trimmed(value)) == "true" || lower(trimmed(value)) == "false";
  if (type == ConfigType::real) return parse_number(trimmed(value), real) && std::isfinite(real);
  return !is_number(type) || parse_number(trimmed(value), n);
}

bool is_one_of(const std::vector<std::string>& words, const std::string& value) {
  return words.empty() || std::find(words.begin(), words.end(), value) != words.end();
}

bool fits_rule(const ConfigKey& key, const std::string& value) {
  if (is_number(key.type)) {
    double n = 0;
    parse_number(trimmed(value), n);
    return n >= key.valid.lowest && n <= key.valid.highest;
  }
  if (key.type == ConfigType::list) {
    std::vector<std::string> entries = split(value);
    if (entries.empty()) return !key.valid.non_empty;
    return std::all_of(entries.begin(), entries.end(),
                       [&](const std::string& e) { return is_one_of(key.valid.words, e); });
  }
  return is_one_of(key.valid.words, value) && !(key.valid.non_empty && value.empty());
}

// What a value of `key` must be, in words: "an int at least 1".
std::string expectation(const ConfigKey& key) {
  std::string rule = key.valid.text();
  std::string type(name_of(key.type));
  return type + (rule.empty() ? "" : ", " + rule);
}

std::string escaped_for_table(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|')
      out += "\\|";
    else if (c == '\n')
      out += ' ';
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string_view name_of(ConfigType type) {
  constexpr std::string_view names[] = {"boolean", "int", "double", "duration (ms)", "size (bytes)", "string", "list"};
  return names[static_cast<std::size_t>(type)];
}

std::string ValidValues::text() const {
  if (!words.empty()) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return "one of " + all;
  }
  if (lowest > -1e300 && highest < 1e300) return "between " + number_text(lowest) + " and " + number_text(highest);
  if (lowest > -1e300) return "at least " + number_text(lowest);
  if (highest < 1e300) return "at most " + number_text(highest);
  return non_empty ? "not empty" : "";
}

ValidValues anything() { return {}; }
ValidValues at_least(double lowest) { return {.lowest = lowest, .words = {}}; }
ValidValues between(double lowest, double highest) { return {.lowest = lowest, .highest = highest, .words = {}}; }
ValidValues one_of(std::initializer_list<std::string_view> words) {
  ValidValues valid;
  for (std::string_view word : words) valid.words.emplace_back(word);
  return valid;
}
ValidValues not_empty() { return {.words = {}, .non_empty = true}; }

ConfigTable::ConfigTable(std::string title, std::vector<ConfigKey> keys)
    : title_(std::move(title)), keys_(std::move(keys)) {
  std::sort(keys_.begin(), keys_.end(), [](const ConfigKey& a, const ConfigKey& b) { return a.name < b.name; });
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    MR_ASSERT(i == 0 || keys_[i - 1].name != keys_[i].name, "a configuration key is declared twice");
    if (keys_[i].required) continue;
    MR_ASSERT(check(keys_[i].name, keys_[i].initial).has_value(), "the default of a configuration key is not valid");
  }
}

const ConfigKey* ConfigTable::find(std::string_view name) const {
  auto at = std::lower_bound(keys_.begin(), keys_.end(), name,
                             [](const ConfigKey& key, std::string_view n) { return key.name < n; });
  return at != keys_.end() && at->name == name ? &*at : nullptr;
}

std::string ConfigTable::nearest(std::string_view name) const {
  std::vector<std::string> names;
  for (const ConfigKey& key : keys_) names.push_back(key.name);
  return nearest_name(name, names);
}

// The key that shares the longest words with `name` ("stream.threads": num.stream.threads); of several the most alike.
std::string ConfigTable::nearest_by_words(std::string_view name) const {
  std::string best;
  std::pair<int, int> best_score;  // letters of shared words, less the distance
  for (const ConfigKey& key : keys_) {
    const std::string padded = "." + key.name + ".";
    int shared = 0;
    for (std::size_t at = 0; at <= name.size();) {
      const std::size_t end = std::min(name.find('.', at), name.size());
      if (end > at && padded.find("." + lower(name.substr(at, end - at)) + ".") != std::string::npos)
        shared += static_cast<int>(end - at);
      at = end + 1;
    }
    const std::pair score{shared, -edit_distance(lower(name), key.name)};
    if (best.empty() || score > best_score) best_score = score, best = key.name;
  }
  return best;
}

Result<> ConfigTable::check(const std::string& name, const std::string& value) const {
  const ConfigKey* key = find(name);
  if (!key) {
    std::string near = nearest(name);
    return Error(ErrorCode::invalid_config,
                 "there is no configuration key " + name +
                     (near.empty() ? "; the nearest is " + nearest_by_words(name) : "; did you mean " + near + "?"));
  }
  if (fits_type(key->type, value) && fits_rule(*key, value)) return {};
  return Error(ErrorCode::invalid_config, name + "=" + value + " is not valid: expected " + expectation(*key));
}

std::string ConfigTable::markdown() const {
  std::string out = "## " + title_ + "\n\n| key | type | default | valid | |\n|---|---|---|---|---|\n";
  for (const ConfigKey& key : keys_) {
    std::string initial = key.required ? "(required)" : key.initial.empty() ? "(empty)" : "`" + key.initial + "`";
    std::string doc = key.doc + (key.kafka.empty() ? "" : " *" + key.kafka + "*");
    out += "| `" + key.name + "` | " + std::string(name_of(key.type)) + " | " + escaped_for_table(initial) + " | " +
           escaped_for_table(key.valid.text()) + " | " + escaped_for_table(doc) + " |\n";
  }
  return out;
}

Config::Config(const ConfigTable& table, const ConfigValues& values) : table_(&table), values_(values) {
  if (auto parsed = parse(table, values); !parsed) throw ConfigError(parsed.error().message());
}

Result<Config> Config::parse(const ConfigTable& table, const ConfigValues& values) {
  for (const auto& [name, value] : values) MR_TRY(table.check(name, value));
  for (const ConfigKey& key : table.keys()) {
    if (key.required && !values.contains(key.name)) {
      return Error(ErrorCode::invalid_config, key.name + " must be set: " + expectation(key) + ". " + key.doc);
    }
  }
  return Config(table, values, Checked{});
}

const std::string& Config::text(std::string_view name, std::initializer_list<ConfigType> types) const {
  const ConfigKey* key = table_->find(name);
  MR_ASSERT(key, "asked for a configuration key that its table does not have");
  MR_ASSERT(std::find(types.begin(), types.end(), key->type) != types.end(),
            "asked for a configuration value as another type");
  auto set = values_.find(key->name);
  return set != values_.end() ? set->second : key->initial;
}

bool Config::boolean(std::string_view name) const {
  return lower(trimmed(text(name, {ConfigType::boolean}))) == "true";
}

std::int64_t Config::integer(std::string_view name) const {
  std::int64_t n = 0;
  parse_number(trimmed(text(name, {ConfigType::integer, ConfigType::duration_ms, ConfigType::size_bytes})), n);
  return n;
}

double Config::real(std::string_view name) const {
  double n = 0;
  parse_number(trimmed(text(name, {ConfigType::real})), n);
  return n;
}

Duration Config::duration(std::string_view name) const {
  std::int64_t n = 0;
  parse_number(trimmed(text(name, {ConfigType::duration_ms})), n);
  return Duration(n);
}

const std::string& Config::string(std::string_view name) const { return text(name, {ConfigType::string}); }
std::vector<std::string> Config::list(std::string_view name) const { return split(text(name, {ConfigType::list})); }
bool Config::is_set(std::string_view name) const { return values_.contains(std::string(name)); }

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  int best_distance = static_cast<int>(name.size()) / 3 + 1;
  for (const std::string& candidate : known) {
    int distance = edit_distance(lower(name), lower(candidate));
    if (distance < best_distance) best_distance = distance, best = candidate;
  }
  return best;
}

}  // namespace millrace
