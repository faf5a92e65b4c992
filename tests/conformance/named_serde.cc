#include "named_serde.h"

#include <map>
#include <stdexcept>

namespace millrace::conformance {

NamedSerde::NamedSerde(const std::string& name) {
  static const std::map<std::string, Kind> kinds{{"string", Kind::string},
                                                 {"long", Kind::long_number},
                                                 {"int", Kind::int_number},
                                                 {"double", Kind::double_number},
                                                 {"bytes", Kind::bytes}};
  const std::string windowed = "time_windowed:";
  if (name.starts_with(windowed)) {
    auto colon = name.rfind(':');
    kind_ = Kind::time_windowed;
    inner_ = std::make_unique<NamedSerde>(name.substr(windowed.size(), colon - windowed.size()));
    size_ = Duration{std::stoll(name.substr(colon + 1))};
    window_bytes = 8;
    return;
  }
  auto kind = kinds.find(name);
  if (kind == kinds.end()) throw std::invalid_argument("serde " + name);
  kind_ = kind->second;
}

Result<> NamedSerde::write(const Value& value, Bytes& out) const {
  switch (kind_) {
    case Kind::string:
      Serde<std::string>::write(std::get<std::string>(value.content), out);
      break;
    case Kind::long_number:
      Serde<std::int64_t>::write(std::get<std::int64_t>(value.content), out);
      break;
    case Kind::int_number:
      Serde<std::int32_t>::write(std::get<std::int32_t>(value.content), out);
      break;
    case Kind::double_number:
      Serde<double>::write(std::get<double>(value.content), out);
      break;
    case Kind::bytes:
      out.append(std::get<Bytes>(value.content));
      break;
    case Kind::time_windowed: {
      const auto& w = std::get<WindowedValue>(value.content);
      MR_TRY(inner_->write(*w.key, out));
      Serde<std::int64_t>::write(w.window.start.ms, out);
    }
  }
  return {};
}

Result<Value> NamedSerde::read(BytesView in) const {
  auto made = [](auto result) -> Result<Value> {
    if (!result) return std::move(result).error();
    return Value(std::move(*result));
  };
  switch (kind_) {
    case Kind::string:
      return made(Serde<std::string>::read(in));
    case Kind::long_number:
      return made(Serde<std::int64_t>::read(in));
    case Kind::int_number:
      return made(Serde<std::int32_t>::read(in));
    case Kind::double_number:
      return made(Serde<double>::read(in));
    case Kind::bytes:
      return Value(Bytes(in));
    case Kind::time_windowed:
      break;
  }
  if (in.size() < 8) return Error("a windowed key has at least 8 bytes");
  MR_ASSIGN(Value key, inner_->read(in.substr(0, in.size() - 8)));
  Timestamp start{from_big_endian<std::int64_t>(in.data() + in.size() - 8)};
  return Value(WindowedValue{std::make_shared<const Value>(std::move(key)), {start, window_end(start, size_)}});
}

V NamedSerde::from_json(const nlohmann::json& json) const {
  if (json.is_null()) return std::nullopt;
  switch (kind_) {
    case Kind::string:
      return Value(json.get<std::string>());
    case Kind::long_number:
      return Value(json.get<std::int64_t>());
    case Kind::int_number:
      return Value(json.get<std::int32_t>());
    case Kind::double_number:
      return Value(json.get<double>());
    case Kind::bytes:
      return Value(Bytes(from_hex(json.get<std::string>())));
    case Kind::time_windowed:
      break;
  }
  Window window{{json.at("start").get<std::int64_t>()}, {json.at("end").get<std::int64_t>()}};
  return Value(WindowedValue{std::make_shared<const Value>(*inner_->from_json(json.at("key"))), window});
}

const NamedSerde& serde_named(const std::string& name) {
  static std::map<std::string, std::unique_ptr<NamedSerde>> serdes;
  auto& serde = serdes[name];
  if (!serde) serde = std::make_unique<NamedSerde>(name);
  return *serde;
}

}  // namespace millrace::conformance
