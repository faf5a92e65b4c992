// Flights: 336,776 real departures of 2013, hourly weather, planes and airlines, through joins, windows and
// event-sourced aircraft.
//
//   flights --data-dir data --input examples/flights/data
#include <millrace/json.h>
#include <millrace/millrace.h>
#include <millrace/protobuf.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "flights.pb.h"

using namespace millrace;

namespace {

// ---------------------------------------------------------------- topics

constexpr Topic<std::optional<std::string>, flights::Flight> flight_topic{"flights",
                                                                          {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, flights::Weather> weather_topic{"weather", {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, flights::Plane> plane_topic{"planes", {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, std::string> airline_topic{"airlines", {.partitions = 4, .retention = forever}};

struct Departures {
  std::string origin;
  std::int64_t window_start = 0, departures = 0;
  static constexpr auto json = fields("origin", &Departures::origin, "window_start", &Departures::window_start,
                                      "departures", &Departures::departures);
};
struct CarrierDelays {
  std::string carrier, name;
  std::int64_t flights = 0, cancelled = 0, dep_delay_minutes = 0;
  static constexpr auto json =
      fields("carrier", &CarrierDelays::carrier, "name", &CarrierDelays::name, "flights", &CarrierDelays::flights,
             "cancelled", &CarrierDelays::cancelled, "dep_delay_minutes", &CarrierDelays::dep_delay_minutes);
};
struct FlightInWeather {
  std::string carrier;
  std::int64_t flight = 0;
  std::string origin, dest, time_hour;
  std::optional<double> temp, wind_speed;
  static constexpr auto json =
      fields("carrier", &FlightInWeather::carrier, "flight", &FlightInWeather::flight, "origin",
             &FlightInWeather::origin, "dest", &FlightInWeather::dest, "time_hour", &FlightInWeather::time_hour, "temp",
             &FlightInWeather::temp, "wind_speed", &FlightInWeather::wind_speed);
};
struct Aircraft {
  std::string tailnum;
  std::int64_t legs = 0, miles = 0;
  std::string airport;
  std::optional<std::string> model;
  static constexpr auto json = fields("tailnum", &Aircraft::tailnum, "legs", &Aircraft::legs, "miles", &Aircraft::miles,
                                      "airport", &Aircraft::airport, "model", &Aircraft::model);
};
struct Destination {
  std::string dest;
  std::int64_t flights = 0;
  static constexpr auto json = fields("dest", &Destination::dest, "flights", &Destination::flights);
};
using TopTen = std::vector<std::pair<std::string, std::int64_t>>;
using Destinations = std::map<std::string, std::int64_t>;

constexpr Topic<std::string, Departures> departures_hourly{"departures-hourly",
                                                           {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, CarrierDelays> carrier_delays{"carrier-delays", {.partitions = 4, .retention = forever}};
constexpr Topic<std::optional<std::string>, FlightInWeather> flights_weather{"flights-weather",
                                                                             {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, Aircraft> aircraft_topic{"aircraft", {.partitions = 4, .retention = forever}};
constexpr Topic<std::string, TopTen> top_destinations{
    "top-destinations", {.value_serde = json<TopTen>, .partitions = 4, .retention = forever}};

// ---------------------------------------------------------------- topology

bool departed(const flights::Flight& f) { return f.has_dep_time(); }

void hourly_departures(const KStream<std::optional<std::string>, flights::Flight>& flights) {
  flights.filter(departed)
      .group_by([](const flights::Flight& f) { return f.origin(); })
      // The files run January, October to December, February to September: out of order by up to eleven months.
      .windowed_by(TimeWindows{.size = 1h, .grace = 366 * 24h})
      .count({.as = "departures", .changelog = {{"retention.ms", "-1"}}})
      .to_stream()
      .map([](const Windowed<std::string>& w, std::int64_t n) {
        return KeyValue{w.key + "@" + std::to_string(w.window.start.ms), Departures{w.key, w.window.start.ms, n}};
      })
      .to(departures_hourly);
}

void delays_by_carrier(const KStream<std::optional<std::string>, flights::Flight>& flights,
                       const GlobalKTable<std::string, std::string>& airlines) {
  flights
      .left_join(
          airlines, [](const flights::Flight& f) { return f.carrier(); },
          [](const flights::Flight& f, const std::string* name) {
            return CarrierDelays{.carrier = f.carrier(),
                                 .name = name ? *name : "",
                                 .flights = 1,
                                 .cancelled = !departed(f),
                                 .dep_delay_minutes = departed(f) ? f.dep_delay_minutes() : 0};
          })
      .group_by([](const CarrierDelays& one) { return one.carrier; })
      .aggregate(CarrierDelays{},
                 [](const CarrierDelays& one, CarrierDelays& all) {
                   all.carrier = one.carrier;
                   all.name = one.name;
                   all.flights += one.flights;
                   all.cancelled += one.cancelled;
                   all.dep_delay_minutes += one.dep_delay_minutes;
                 },
                 {.as = "carriers"})
      .to_stream()
      .to(carrier_delays);
}

void flights_in_weather(const KStream<std::optional<std::string>, flights::Flight>& flights,
                        const GlobalKTable<std::string, flights::Weather>& weather) {
  flights
      .join(
          weather, [](const flights::Flight& f) { return f.origin() + "|" + f.time_hour(); },
          [](const flights::Flight& f, const flights::Weather& w) {
            FlightInWeather out{f.carrier(), f.flight(), f.origin(), f.dest(), f.time_hour(), {}, {}};
            if (w.has_temp()) out.temp = w.temp();
            if (w.has_wind_speed()) out.wind_speed = w.wind_speed();
            return out;
          })
      .to(flights_weather);
}

// An aircraft is the fold of its flights.
void fold_aircraft(const KStream<std::optional<std::string>, flights::Flight>& flights,
                   const KTable<std::string, std::optional<flights::Plane>>& planes) {
  flights.filter(departed)
      .group_by_key()
      .aggregate(Aircraft{},
                 [](const std::string& tailnum, const flights::Flight& f, Aircraft& a) {
                   a.tailnum = tailnum;
                   ++a.legs;
                   a.miles += f.distance_miles();
                   a.airport = f.dest();
                 },
                 {.as = "aircraft"})
      .to_stream()
      .left_join(planes,
                 [](Aircraft a, const flights::Plane* p) {
                   if (p && p->has_model()) a.model = p->model();
                   return a;
                 })
      .to(aircraft_topic);
}

TopTen ten_largest(const Destinations& all) {
  TopTen ten(all.begin(), all.end());
  std::sort(ten.begin(), ten.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (ten.size() > 10) ten.resize(10);
  return ten;
}

void rank_destinations(const KStream<std::optional<std::string>, flights::Flight>& flights) {
  flights.filter(departed)
      .group_by([](const flights::Flight& f) { return f.dest(); })
      .count({.as = "destinations"})
      .to_stream()
      .map([](const std::string& dest, std::int64_t n) { return KeyValue{std::string("all"), Destination{dest, n}}; })
      .group_by_key()
      .aggregate(Destinations{}, [](const Destination& d, Destinations& all) { all[d.dest] = d.flights; },
                 {.as = "ranking", .value_serde = json<Destinations>})
      .to_stream()
      .map_values(ten_largest)
      .to(top_destinations);
}

void flights_topology(StreamsBuilder& builder) {
  auto flights = builder.stream(flight_topic);
  auto planes = builder.table(plane_topic);
  auto airlines = builder.global_table(airline_topic);
  auto weather = builder.global_table(weather_topic);
  hourly_departures(flights);
  delays_by_carrier(flights, airlines);
  flights_in_weather(flights, weather);
  fold_aircraft(flights, planes);
  rank_destinations(flights);
}

// ---------------------------------------------------------------- files

std::optional<std::string> text(const CsvRow& row, std::string_view column) {
  auto field = row[column];
  return field ? std::optional<std::string>(*field) : std::nullopt;
}
std::string required(const CsvRow& row, std::string_view column) { return std::string(row[column].value_or("")); }

// "2013-01-01T10:00:00Z"; -1 if it is not such a text.
std::int64_t ms_of(const std::string& iso) {
  int year = 0, hour = 0, minute = 0, second = 0;
  unsigned month = 0, day = 0;
  if (std::sscanf(iso.c_str(), "%4d-%2u-%2uT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute, &second) != 6)
    return -1;
  using namespace std::chrono;
  const sys_days date = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return (duration_cast<milliseconds>(date.time_since_epoch()) + hours(hour) + minutes(minute) + seconds(second))
      .count();
}

Record<std::optional<std::string>, flights::Flight> flight_of(const CsvRow& row) {
  flights::Flight f;
  f.set_carrier(required(row, "carrier"));
  f.set_flight(static_cast<std::int32_t>(row.integer("flight").value_or(0)));
  f.set_origin(required(row, "origin"));
  f.set_dest(required(row, "dest"));
  f.set_distance_miles(static_cast<std::int32_t>(row.number("distance").value_or(0)));
  f.set_time_hour(required(row, "time_hour"));
  if (auto t = text(row, "tailnum")) f.set_tailnum(*t);
  if (auto t = row.integer("dep_time")) f.set_dep_time(static_cast<std::int32_t>(*t));
  if (auto t = row.number("dep_delay")) f.set_dep_delay_minutes(static_cast<std::int32_t>(*t));
  const std::int64_t scheduled = ms_of(f.time_hour()) + row.integer("minute").value_or(0) * 60'000;
  return {text(row, "tailnum"), f, Timestamp{scheduled}};
}

Record<std::string, flights::Weather> weather_of(const CsvRow& row) {
  flights::Weather w;
  if (auto t = row.number("temp")) w.set_temp(*t);
  if (auto s = row.number("wind_speed")) w.set_wind_speed(*s);
  const std::string hour = required(row, "time_hour");
  return {required(row, "origin") + "|" + hour, w, Timestamp{ms_of(hour)}};
}

Record<std::string, flights::Plane> plane_of(const CsvRow& row) {
  flights::Plane p;
  if (auto m = text(row, "model")) p.set_model(*m);
  return {required(row, "tailnum"), p, Timestamp{0}};
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  return run("flights", flights_topology, argc, argv,
             {.arguments = {{"--input", "folder with the .csv.zst files", &folder}},
              .sources =
                  [&](Sources& sources) {
                    sources.csv(folder + "/airlines.csv.zst", airline_topic, [](const CsvRow& row) {
                      return Record<std::string, std::string>{required(row, "carrier"), required(row, "name"),
                                                              Timestamp{0}};
                    });
                    sources.csv(folder + "/planes.csv.zst", plane_topic, plane_of);
                    sources.csv(folder + "/weather.csv.zst", weather_topic, weather_of);
                    sources.csv(folder + "/flights.csv.zst", flight_topic, flight_of);
                  },
              .until_end_of_input = true});
}
