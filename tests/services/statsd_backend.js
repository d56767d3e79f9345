// A backend of statsd that writes what it counted, one line of JSON for each flush.
"use strict";

exports.init = function (startupTime, config, events) {
  events.on("flush", function (time, metrics) {
    const timers = {};
    for (const name of Object.keys(metrics.timers)) {
      timers[name] = { count: metrics.timer_counters[name] || 0, values: metrics.timers[name] };
    }
    console.log("flushed " + JSON.stringify({ counters: metrics.counters, timers: timers }));
  });
  return true;
};
