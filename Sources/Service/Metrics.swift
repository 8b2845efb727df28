/// Every metric of the worker; names are given here and nowhere else.
package struct WorkerMetrics: Sendable {
  package let events = Family<Counter>(
    "dreamstream_events_total",
    "Events read, by what became of them.",
    labels: ["outcome"]
  )
  package let suggestions = Family<Counter>(
    "dreamstream_suggestions_total",
    "Suggestions published, by how they came to be.",
    labels: ["provenance"]
  )
  package let deadLetters = Family<Counter>(
    "dreamstream_dead_letters_total",
    "Messages set aside, by where and why they were refused.",
    labels: ["stage", "reason"]
  )
  package let stopped = Family<Counter>(
    "dreamstream_stopped_total",
    "Suggestions, by what ended their denoising.",
    labels: ["by"]
  )
  package let unknownItems = Family<Counter>(
    "dreamstream_unknown_items_total",
    "Clicks in sessions on items that the model does not know."
  )
  package let retries = Family<Counter>(
    "dreamstream_retries_total",
    "Failures waited out, by who failed.",
    labels: ["dependency"]
  )
  package let abandoned = Family<Counter>(
    "dreamstream_abandoned_batches_total",
    "Batches given up, which come again here or elsewhere, by why.",
    labels: ["cause"]
  )
  package let rebuilds = Family<Counter>(
    "dreamstream_rebuilds_total",
    "Partitions whose clicks had to be folded into sessions again."
  )
  package let unread = Family<Counter>(
    "dreamstream_unread_messages_total",
    "Messages, at most, that the topic kept no longer when they were to be read."
  )

  package let lessonFailures = Family<Counter>(
    "dreamstream_lesson_failures_total",
    "Times that what clicks teach could not be handed on, and waited."
  )

  package let lessonsDropped = Family<Counter>(
    "dreamstream_lessons_dropped_total",
    "What clicks teach that waited for too long, and is lost."
  )

  package let batchSize = Family(
    "dreamstream_batch_size",
    "Events of a batch.",
    bounds: (0...12).map { Double(1 << $0) }
  )
  package let batchSeconds = Family(
    "dreamstream_batch_seconds",
    "Time of a batch in each stage.",
    labels: ["stage"],
    bounds: Self.stageBounds
  )
  package let eventLatency = Family(
    "dreamstream_event_latency_seconds",
    "From a click's time, or its message's if later, until its suggestion is out; 600 s at most.",
    bounds: Self.latencyBounds
  )
  package let denoisingSteps = Family(
    "dreamstream_denoising_steps",
    "Denoiser calls of a suggestion.",
    bounds: Self.stepBounds
  )

  package let consumerLag = Family<Gauge>(
    "dreamstream_consumer_lag",
    "Messages of a partition that are not processed yet, those in work included.",
    labels: ["topic", "partition"]
  )
  package let partitionIdle = Family<Gauge>(
    "dreamstream_partition_idle_seconds",
    "Longest time a partition with lag made no progress."
  )
  package let lessons = Family<Gauge>(
    "dreamstream_lessons",
    "Clicks of the stream, of all workers, that suggestions rest on beside the model."
  )
  package let liveItems = Family<Gauge>(
    "dreamstream_live_items",
    "Items that suggestions rest on clicks of the stream for."
  )
  package let dependencyUp = Family<Gauge>(
    "dreamstream_dependency_up",
    "1 while a dependency answers, 0 while it is waited for.",
    labels: ["dependency"]
  )
  package let buildInfo = Family<Gauge>(
    "dreamstream_build_info",
    "1, for what is running.",
    labels: ["version", "model"]
  )
  package let residentMemory = Family<Gauge>(
    "process_resident_memory_bytes",
    "Memory of the process that is in use."
  )
  package let cpuSeconds = Family<Gauge>(
    "process_cpu_seconds_total",
    "Processor time of the process, user and system."
  )

  package static let outcomes = [
    "applied", "redelivered", "duplicate", "late", "erased", "ignored", "rebuilt",
    "dead_letter",
  ]
  package static let stages = [
    "consume", "decode", "session", "batch", "encode", "denoise", "match", "learn", "publish",
    "commit",
  ]
  static let stageBounds = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]
  /// Fine enough for percentiles within a tenth of their value.
  static let latencyBounds = Histogram.bounds(from: 0.001, to: 600, ratio: 1.2)
  static let stepBounds: [Double] = [
    0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 200, 500, 1_000, 2_000,
  ]

  /// Makes every metric whose labels are known beforehand, so that each is there from the start.
  package init() {
    for outcome in Self.outcomes { _ = events[outcome] }
    for stage in Self.stages { _ = batchSeconds[stage] }
    for counter in [unknownItems, rebuilds, unread, lessonFailures, lessonsDropped] {
      _ = counter[]
    }
    for histogram in [batchSize, eventLatency, denoisingSteps] { _ = histogram[] }
    for gauge in [partitionIdle, lessons, liveItems, residentMemory, cpuSeconds] { _ = gauge[] }
  }

  /// Counts a latency; a longer one than ten minutes as that, so that one cannot swamp the sum.
  package func observe(latencyMs: Int64) {
    eventLatency[].observe(Double(min(latencyMs, 600_000)) * 1e-3)
  }

  /// Everything in Prometheus' text format.
  package func text() -> String {
    if let usage = ProcessUsage.current() {
      residentMemory[].set(usage.residentBytes)
      cpuSeconds[].set(usage.cpuSeconds)
    }
    var text = TelemetryText()
    for family in [
      events, suggestions, deadLetters, stopped, unknownItems, retries, abandoned, rebuilds,
      unread, lessonFailures, lessonsDropped,
    ] { text.add(family) }
    for family in [batchSize, batchSeconds, eventLatency, denoisingSteps] { text.add(family) }
    for family in [
      consumerLag, partitionIdle, lessons, liveItems, dependencyUp, buildInfo, residentMemory,
    ] { text.add(family) }
    text.add(cpuSeconds, type: "counter")
    return text.text
  }
}
