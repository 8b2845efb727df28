import Foundation
import Testing

@testable import Service

@Suite("Metrics")
struct MetricsTests {
  @Test("what is known beforehand is there from the start, at zero")
  func fromTheStart() throws {
    let read = try Exposition(WorkerMetrics().text())
    for outcome in WorkerMetrics.outcomes {
      #expect(read.values[.init("dreamstream_events_total", ["outcome": outcome])] == 0)
    }
    for stage in WorkerMetrics.stages {
      #expect(read.values[.init("dreamstream_batch_seconds_count", ["stage": stage])] == 0)
    }
    #expect(read.values[.init("dreamstream_event_latency_seconds_count")] == 0)
  }

  @Test("every metric has a type, a sentence, and a name of its kind")
  func names() throws {
    let metrics = WorkerMetrics()
    metrics.buildInfo["1.0", "m"].set(1)
    let read = try Exposition(metrics.text())
    #expect(read.types.count == 23)
    for (name, type) in read.types {
      #expect(name.hasSuffix("_total") == (type == "counter"), "\(name)")
      #expect(read.help[name]?.hasSuffix(".") == true)
    }
    #expect(read.values[.init("dreamstream_build_info", ["version": "1.0", "model": "m"])] == 1)
  }

  @Test("one latency of years does not swamp the others")
  func latency() {
    let metrics = WorkerMetrics()
    for ms: Int64 in [250, 63_072_000_000] { metrics.observe(latencyMs: ms) }
    #expect(metrics.eventLatency[].snapshot.sum == 600.25)
  }

  @Test("the process reports its memory and processor time")
  func process() throws {
    let before = try #require(ProcessUsage.current())
    let metrics = WorkerMetrics()
    var seconds = before.cpuSeconds
    let end = ContinuousClock.now + .seconds(20)
    while seconds <= before.cpuSeconds && ContinuousClock.now < end {
      _ = metrics.text()
      seconds = metrics.cpuSeconds[].value
    }
    #expect(seconds > before.cpuSeconds)
    let read = try Exposition(metrics.text())
    let memory = try #require(read.values[.init("process_resident_memory_bytes")])
    #expect(memory > 1e6 && memory < 1e12)
    let later = try #require(read.values[.init("process_cpu_seconds_total")])
    #expect(later >= seconds)
  }

  @Test("a process name with blanks and parentheses is read over")
  func oddName() {
    let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 1"
    let usage = ProcessUsage(status: "Name: x\nVmRSS:\t  2 kB\n", stat: stat)
    #expect(usage == ProcessUsage(residentBytes: 2_048, cpuSeconds: 3))
    #expect(ProcessUsage(status: "", stat: stat) == nil)
    #expect(ProcessUsage(status: "VmRSS: 2 kB", stat: "7 (a) S 1") == nil)
  }

  @Test("every metric of the dashboard exists, with the labels it is asked for")
  func dashboard() throws {
    let file = SettingTests.root.appending(path: "deploy/dashboards/dreamstream.json")
    let dashboard = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
    )
    let panels = try #require(dashboard["panels"] as? [[String: Any]])
    let targets = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
    let expressions = targets.compactMap { $0["expr"] as? String }
    #expect(panels.count > 8 && expressions.count >= panels.count)

    let metrics = WorkerMetrics()
    let types = try Exposition(metrics.text()).types
    let labels: Set = [
      "outcome", "provenance", "stage", "reason", "by", "dependency", "topic", "partition", "le",
      "cause",
    ]
    for expression in expressions {
      for match in expression.matches(of: #/(?:dreamstream|process)_\w+/#) {
        let name = String(match.output)
        let stem = name.replacing(#/_(bucket|sum|count)$/#, with: "")
        #expect(types[name] ?? types[stem] != nil, "\(name)")
        #expect(types[stem] != "histogram" || stem != name, "\(name) is a histogram")
      }
      for match in expression.matches(of: #/by \(([\w, ]+)\)/#) {
        let asked = match.1.split(separator: ",").map(\.trimmed)
        #expect(labels.isSuperset(of: asked), "\(expression)")
      }
    }
  }
}
