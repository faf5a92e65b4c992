#include "functions.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace millrace::conformance {
namespace {

V maybe_null(const Value* v) { return v ? V(*v) : std::nullopt; }
V string(std::string text) { return Value(std::move(text)); }
V number(std::int64_t n) { return Value(n); }
std::int64_t floor_mod(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

template <class F>
V mapped(const Value* v, F f) {
  return v ? V(f(v)) : std::nullopt;
}
std::string upper(std::string text) {  // ASCII, Latin-1, Greek and Cyrillic are what the cases hold
  std::u16string out;
  for (char16_t c : utf16(text)) {
    if (c == 0xdf) {
      out += u"SS";
    } else if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7) ||
               (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) || (c >= 0x430 && c <= 0x44f)) {
      out += static_cast<char16_t>(c - 32);
    } else if ((c >= 0x100 && c <= 0x137 && c % 2 == 1) || (c >= 0x139 && c <= 0x148 && c % 2 == 0) ||
               (c >= 0x14a && c <= 0x177 && c % 2 == 1)) {
      out += static_cast<char16_t>(c - 1);  // Latin Extended-A
    } else if (c >= 0x450 && c <= 0x45f) {
      out += static_cast<char16_t>(c - 80);
    } else {
      out += c;
    }
  }
  return utf8(out);
}
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}
std::string reversed(const std::string& text) {
  std::u16string units = utf16(text);
  std::reverse(units.begin(), units.end());
  for (std::size_t i = 0; i + 1 < units.size(); ++i) {  // surrogate pairs keep their order
    if (units[i] >= 0xdc00 && units[i] < 0xe000 && units[i + 1] >= 0xd800 && units[i + 1] < 0xdc00)
      std::swap(units[i], units[i + 1]);
  }
  return utf8(units);
}
std::string before_bar(const Value* v) {
  std::string text = text_of(v);
  return text.substr(0, text.find('|'));
}
std::string tail_of(const Value* a, const char* between, const Value* b, std::size_t n) {
  return tail(text_of(a) + between + text_of(b), n);
}
V arithmetic(const Value* v, std::int64_t (*whole)(std::int64_t), double (*real)(double)) {
  if (!v) return std::nullopt;
  if (auto* n = std::get_if<std::int32_t>(&v->content)) return Value(static_cast<std::int32_t>(whole(*n)));
  if (auto* d = std::get_if<double>(&v->content)) return Value(real(*d));
  return number(whole(parse_long(v)));
}
std::vector<std::string> words(const Value* v) {
  std::vector<std::string> result;
  if (!v) return result;
  std::string text = text_of(v), word;
  for (char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      result.push_back(std::move(word));
      word.clear();
    }
  }
  return result;
}

template <class F>
F find(const std::map<std::string, F>& functions, const std::string& name) {
  auto found = functions.find(name);
  if (found == functions.end()) throw UnknownFunction{name};
  return found->second;
}

V k_first_char(const Value*, const Value* v) {
  return mapped(v, [](auto* x) { return Value(first_of(x)); });
}
V k_mod3(const Value*, const Value* v) {
  return mapped(v, [](auto* x) { return Value("m" + std::to_string(floor_mod(parse_long(x), 3))); });
}
V k_before_bar(const Value*, const Value* v) {
  return mapped(v, [](auto* x) { return Value(before_bar(x)); });
}
V v_upper(const Value*, const Value* v) {
  return mapped(v, [](auto* x) { return Value(upper(text_of(x))); });
}

}  // namespace

ValueFunction value_function(const std::string& name) {
  static const std::map<std::string, ValueFunction> functions{
      {"identity", [](const Value*, const Value* v) { return maybe_null(v); }},
      {"upper", v_upper},
      {"lower",
       [](const Value*, const Value* v) { return mapped(v, [](auto* x) { return Value(lower(text_of(x))); }); }},
      {"reverse",
       [](const Value*, const Value* v) { return mapped(v, [](auto* x) { return Value(reversed(text_of(x))); }); }},
      {"length",
       [](const Value*, const Value* v) {
         return mapped(v, [](auto* x) { return Value(static_cast<std::int64_t>(utf16(text_of(x)).size())); });
       }},
      {"parse_long",
       [](const Value*, const Value* v) { return mapped(v, [](auto* x) { return Value(parse_long(x)); }); }},
      {"to_int",
       [](const Value*, const Value* v) {
         return mapped(v, [](auto* x) { return Value(static_cast<std::int32_t>(parse_long(x))); });
       }},
      {"half",
       [](const Value*, const Value* v) {
         return mapped(v, [](auto* x) { return Value(static_cast<double>(parse_long(x)) / 2.0); });
       }},
      {"to_string", [](const Value*, const Value* v) { return mapped(v, [](auto* x) { return Value(text_of(x)); }); }},
      {"add_one",
       [](const Value*, const Value* v) {
         return arithmetic(v, [](std::int64_t n) { return n + 1; }, [](double d) { return d + 1; });
       }},
      {"twice",
       [](const Value*, const Value* v) {
         return arithmetic(v, [](std::int64_t n) { return n * 2; }, [](double d) { return d * 2; });
       }},
      {"negate",
       [](const Value*, const Value* v) {
         return arithmetic(v, [](std::int64_t n) { return -n; }, [](double d) { return -d; });
       }},
      {"bang", [](const Value*, const Value* v) { return mapped(v, [](auto* x) { return Value(text_of(x) + "!"); }); }},
      {"first_char", k_first_char},
      {"null_if_even",
       [](const Value*, const Value* v) { return parse_long(v) % 2 == 0 ? std::nullopt : maybe_null(v); }},
      {"before_bar", k_before_bar},
      {"boom_on_z",
       [](const Value*, const Value* v) {
         if (v && text_of(v).starts_with('z')) throw std::runtime_error("boom");
         return maybe_null(v);
       }},
      {"or_empty", [](const Value*, const Value* v) { return v ? V(*v) : string(""); }},
      {"show", [](const Value*, const Value* v) { return string(text_of(v)); }},
      {"key_value", [](const Value* k, const Value* v) { return string(text_of(k) + ":" + text_of(v)); }},
  };
  return find(functions, name);
}

KeyFunction key_function(const std::string& name) {
  static const std::map<std::string, KeyFunction> functions{
      {"first_char_key", k_first_char},
      {"value_as_key", [](const Value*, const Value* v) { return maybe_null(v); }},
      {"key_first_char",
       [](const Value* k, const Value*) { return mapped(k, [](auto* x) { return Value(first_of(x)); }); }},
      {"key_reverse",
       [](const Value* k, const Value*) { return mapped(k, [](auto* x) { return Value(reversed(text_of(x))); }); }},
      {"mod3", k_mod3},
      {"window_key", [](const Value* k, const Value*) { return mapped(k, [](auto* x) { return Value(text_of(x)); }); }},
      {"key_of_window",
       [](const Value* k, const Value*) {
         return mapped(k, [](auto* x) { return Value(*std::get<WindowedValue>(x->content).key); });
       }},
      {"null_key", [](const Value*, const Value*) { return V(); }},
      {"same_key", [](const Value* k, const Value*) { return maybe_null(k); }},
      {"before_bar_key", k_before_bar},
  };
  return find(functions, name);
}

PairFunction pair_function(const std::string& name) {
  static const std::map<std::string, PairFunction> functions{
      {"swap", [](const Value* k, const Value* v) { return KeyValue{maybe_null(v), maybe_null(k)}; }},
      {"first_char_upper",
       [](const Value* k, const Value* v) {
         return v ? KeyValue{k_first_char(k, v), v_upper(k, v)} : KeyValue{V(), V()};
       }},
      {"mod3_pair", [](const Value* k, const Value* v) { return KeyValue{k_mod3(k, v), maybe_null(v)}; }},
      {"first_char_pair", [](const Value* k, const Value* v) { return KeyValue{k_first_char(k, v), maybe_null(v)}; }},
      {"before_bar_pair", [](const Value* k, const Value* v) { return KeyValue{k_before_bar(k, v), maybe_null(v)}; }},
      {"first_char_length",
       [](const Value* k, const Value* v) { return KeyValue{k_first_char(k, v), value_function("length")(k, v)}; }},
      {"null_on_q",
       [](const Value* k, const Value* v) {
         bool null = !v || text_of(v).starts_with('q');
         return KeyValue{null ? V() : k_first_char(k, v), maybe_null(v)};
       }},
  };
  return find(functions, name);
}

FlatFunction flat_function(const std::string& name) {
  static const std::map<std::string, FlatFunction> functions{
      {"split_words",
       [](const Value*, const Value* v) {
         std::vector<V> result;
         for (auto& w : words(v)) result.push_back(Value(w));
         return result;
       }},
      {"repeat_twice", [](const Value*, const Value* v) { return std::vector<V>{maybe_null(v), maybe_null(v)}; }},
      {"drop_all", [](const Value*, const Value*) { return std::vector<V>{}; }},
      {"countdown",
       [](const Value*, const Value* v) {
         std::vector<V> result;
         std::int64_t n = v ? std::min<std::int64_t>(3, std::abs(parse_long(v)) % 4) : 0;
         for (std::int64_t i = 0; i < n; ++i) result.push_back(Value(text_of(v) + "#" + std::to_string(i)));
         return result;
       }},
  };
  return find(functions, name);
}

FlatPairFunction flat_pair_function(const std::string& name) {
  using Pairs = std::vector<std::pair<V, V>>;
  static const std::map<std::string, FlatPairFunction> functions{
      {"words_as_keys",
       [](const Value*, const Value* v) {
         Pairs result;
         for (auto& w : words(v)) result.emplace_back(Value(w), Value(w));
         return result;
       }},
      {"both_ways",
       [](const Value* k, const Value* v) {
         Pairs result{{maybe_null(k), maybe_null(v)}};
         if (v) result.emplace_back(k_first_char(k, v), maybe_null(v));
         return result;
       }},
      {"empty", [](const Value*, const Value*) { return Pairs{}; }},
  };
  return find(functions, name);
}

PredicateFunction predicate(const std::string& name) {
  static const std::map<std::string, PredicateFunction> functions{
      {"is_even", [](const Value*, const Value* v) { return v && parse_long(v) % 2 == 0; }},
      {"not_null", [](const Value*, const Value* v) { return v != nullptr; }},
      {"is_null", [](const Value*, const Value* v) { return v == nullptr; }},
      {"contains_a", [](const Value*, const Value* v) { return v && text_of(v).find('a') != std::string::npos; }},
      {"first_below_m", [](const Value*, const Value* v) { return v && utf16(first_of(v)) < u"m"; }},
      {"key_below_k3", [](const Value* k, const Value*) { return k && utf16(text_of(k)) < u"k3"; }},
      {"key_not_null", [](const Value* k, const Value*) { return k != nullptr; }},
      {"long_word", [](const Value*, const Value* v) { return v && utf16(text_of(v)).size() > 4; }},
      {"at_least_2", [](const Value*, const Value* v) { return v && parse_long(v) >= 2; }},
      {"all", [](const Value*, const Value*) { return true; }},
      {"none", [](const Value*, const Value*) { return false; }},
  };
  return find(functions, name);
}

AggregatorFunction aggregator(const std::string& name) {
  static const std::map<std::string, AggregatorFunction> functions{
      {"add_one_agg", [](const Value*, const Value*, const Value* a) { return number(parse_long(a) + 1); }},
      {"sub_one_agg", [](const Value*, const Value*, const Value* a) { return number(parse_long(a) - 1); }},
      {"add_long", [](const Value*, const Value* v, const Value* a) { return number(parse_long(a) + parse_long(v)); }},
      {"sub_long", [](const Value*, const Value* v, const Value* a) { return number(parse_long(a) - parse_long(v)); }},
      {"add_length",
       [](const Value*, const Value* v, const Value* a) {
         return number(parse_long(a) + static_cast<std::int64_t>(utf16(text_of(v)).size()));
       }},
      {"sub_length",
       [](const Value*, const Value* v, const Value* a) {
         return number(parse_long(a) - static_cast<std::int64_t>(utf16(text_of(v)).size()));
       }},
      {"max_long", [](const Value*, const Value* v,
                      const Value* a) { return number(a ? std::max(parse_long(a), parse_long(v)) : parse_long(v)); }},
      {"add_half",
       [](const Value*, const Value* v, const Value* a) {
         return V(Value((a ? std::get<double>(a->content) : 0) + static_cast<double>(parse_long(v)) / 2.0));
       }},
      {"concat", [](const Value*, const Value* v, const Value* a) { return string(tail_of(a, "", v, 24)); }},
      {"concat_or_new",
       [](const Value*, const Value* v, const Value* a) { return string(a ? tail_of(a, "", v, 24) : text_of(v)); }},
      {"plus", [](const Value*, const Value* v,
                  const Value* a) { return string(tail((a ? text_of(a) : "") + "+" + text_of(v), 32)); }},
      {"minus", [](const Value*, const Value* v,
                   const Value* a) { return string(tail((a ? text_of(a) : "") + "-" + text_of(v), 32)); }},
      {"concat_key", [](const Value* k, const Value* v,
                        const Value* a) { return string(tail(text_of(a) + text_of(k) + text_of(v), 24)); }},
      {"delete_on_long",
       [](const Value*, const Value* v, const Value* a) {
         if (utf16(text_of(v)).size() > 6) return V();
         return string(tail((a ? text_of(a) : "") + text_of(v), 24));
       }},
      {"keep", [](const Value*, const Value*, const Value* a) { return maybe_null(a); }},
  };
  return find(functions, name);
}

ReducerFunction reducer(const std::string& name) {
  static const std::map<std::string, ReducerFunction> functions{
      {"concat", [](const Value* a, const Value* b) { return string(tail_of(a, "", b, 24)); }},
      {"plus", [](const Value* a, const Value* b) { return string(tail_of(a, "+", b, 32)); }},
      {"minus", [](const Value* a, const Value* b) { return string(tail_of(a, "-", b, 32)); }},
      {"last", [](const Value*, const Value* b) { return maybe_null(b); }},
      {"first", [](const Value* a, const Value*) { return maybe_null(a); }},
      {"max", [](const Value* a, const Value* b) { return maybe_null(compare(a, b) >= 0 ? a : b); }},
      {"min", [](const Value* a, const Value* b) { return maybe_null(compare(a, b) <= 0 ? a : b); }},
      {"add_long", [](const Value* a, const Value* b) { return number(parse_long(a) + parse_long(b)); }},
      {"sub_long", [](const Value* a, const Value* b) { return number(parse_long(a) - parse_long(b)); }},
      {"null_on_same", [](const Value* a, const Value* b) { return compare(a, b) == 0 ? V() : maybe_null(b); }},
  };
  return find(functions, name);
}

JoinerFunction joiner(const std::string& name) {
  static const std::map<std::string, JoinerFunction> functions{
      {"pair", [](const Value*, const Value* l, const Value* r) { return string(text_of(l) + "+" + text_of(r)); }},
      {"key_pair", [](const Value* k, const Value* l,
                      const Value* r) { return string(text_of(k) + ":" + text_of(l) + "+" + text_of(r)); }},
      {"left_only", [](const Value*, const Value* l, const Value*) { return maybe_null(l); }},
      {"null_on_same_first",
       [](const Value*, const Value* l, const Value* r) {
         if (l && r && first_of(l) == first_of(r)) return V();
         return string(text_of(l) + "+" + text_of(r));
       }},
  };
  return find(functions, name);
}

V initial_value(const std::string& name) {
  static const std::map<std::string, V> values{
      {"zero", number(0)}, {"empty", string("")}, {"zero_double", Value(0.0)}, {"null", V()}};
  return find(values, name);
}

TimestampExtractor<V, V> timestamp_extractor(const std::string& name) {
  if (name == "from_value") {
    return [](const Value*, const Value* v) { return Timestamp{1000000 + 100 * parse_long(v)}; };
  }
  using Record = ConsumerRecord<V, V>;
  auto is_even = [](const Record& r) { return parse_long(static_cast<const Value*>(r.value)) % 2 == 0; };
  if (name == "negative_if_even") {
    return [is_even](const Record& r, Timestamp) { return is_even(r) ? Timestamp{-1} : r.context.timestamp; };
  }
  if (name == "partition_time") {
    return [is_even](const Record& r, Timestamp time) { return is_even(r) ? time : r.context.timestamp; };
  }
  throw UnknownFunction{name};
}

}  // namespace millrace::conformance
