import Events
import Pipeline
import TestSupport
import Testing

/// A producer that does as told, and tells what it was asked.
private final class Script {
  var made = 0
  var calls: [String] = []
  /// By call, what the next ones of its kind throw.
  var failures: [String: [TransactionFailure.Remedy]] = [:]
  var nowMs: Int64 = 0

  func call(_ name: String) throws(TransactionFailure) {
    calls.append(name)
    guard let remedy = failures[name]?.first else { return }
    failures[name]?.removeFirst()
    throw TransactionFailure(remedy: remedy, reason: name)
  }
}

private struct ScriptedProducer: TransactionalProducer {
  let script: Script
  let number: Int

  func begin() throws(TransactionFailure) { try script.call("begin") }
  func send(_ message: Message) throws(TransactionFailure) { try script.call("send") }
  func commit(next: [Position], for member: Membership) throws(TransactionFailure) {
    try script.call("commit")
  }
  func abort() throws(TransactionFailure) { try script.call("abort") }
}

@Suite("Transactional sink")
struct TransactionalSinkTests {
  private let script = Script()
  private let message = Message(destination: .suggestions, key: nil, value: [1], headers: [])
  private let next = [Position(topic: "clicks", partition: 0, offset: 1)]

  private func sink() -> TransactionalSink<ScriptedProducer> {
    let script = script
    return TransactionalSink(timeoutMs: 1_000, nowMs: { script.nowMs }) {
      () throws(TransactionFailure) in
      try script.call("make")
      script.made += 1
      return ScriptedProducer(script: script, number: script.made)
    }
  }

  private func failure(_ body: () throws(PipelineFailure) -> Void) -> PipelineFailure? {
    do throws(PipelineFailure) { try body() } catch { return error }
    return nil
  }

  @Test("one transaction a batch, and one producer for all of them")
  func batches() throws {
    var (sink, source) = (sink(), MemorySource([]))
    for _ in 0..<2 {
      try sink.send(message)
      try sink.send(message)
      try sink.commit(next: next, from: &source)
    }
    try sink.commit(next: next, from: &source)
    let batch = ["begin", "send", "send", "commit"]
    #expect(script.calls == ["make"] + batch + batch + ["begin", "commit"])
  }

  @Test("a failure before the end is aborted, and the next transaction is of the same producer")
  func aborts() throws {
    var (sink, source) = (sink(), MemorySource([]))
    script.failures["commit"] = [.abort]
    try sink.send(message)
    #expect(
      failure { () throws(PipelineFailure) in
        try sink.commit(next: next, from: &source)
      }?.remedy == .again
    )
    try sink.abandon()
    try sink.abandon()
    try sink.commit(next: next, from: &source)
    #expect(script.calls == ["make", "begin", "send", "commit", "abort", "begin", "commit"])
  }

  @Test(
    "after an outcome that is not known another producer settles it before anything else is done",
    arguments: ["send", "commit"]
  )
  func renews(call: String) throws {
    var (sink, source) = (sink(), MemorySource([]))
    script.failures[call] = [.renew]
    #expect(
      failure { () throws(PipelineFailure) in
        try sink.send(message)
        try sink.commit(next: next, from: &source)
      }?.remedy == .again
    )
    script.failures["make"] = [.retry, .fenced]
    for _ in 0..<2 {
      #expect(failure { () throws(PipelineFailure) in try sink.abandon() }?.remedy == .retry)
    }
    try sink.abandon()
    #expect(script.made == 2 && !script.calls.contains("abort"))
  }

  @Test("an abort that fails is settled by another producer")
  func abortFails() throws {
    var sink = sink()
    script.failures["abort"] = [.retry]
    try sink.send(message)
    try sink.abandon()
    #expect(script.calls == ["make", "begin", "send", "abort", "make"])
  }

  @Test("who was fenced and learns it from an abort makes no producer to fence the successor with")
  func abortFenced() throws {
    var sink = sink()
    script.failures["abort"] = [.fenced, .fenced]
    try sink.send(message)
    script.nowMs = 1_000
    try sink.abandon()
    #expect(script.made == 2, "given up by the brokers")
    try sink.send(message)
    script.nowMs = 1_999
    let failure = failure { () throws(PipelineFailure) in try sink.abandon() }
    #expect(failure == PipelineFailure(remedy: .stop, dependency: .kafka, reason: "abort"))
    #expect(script.made == 2)
  }

  @Test("a call that may be made again is made in the same transaction")
  func retries() throws {
    var sink = sink()
    script.failures["send"] = [.retry]
    #expect(failure { () throws(PipelineFailure) in try sink.send(message) }?.remedy == .retry)
    try sink.send(message)
    #expect(script.calls == ["make", "begin", "send", "send"])
  }

  @Test("fenced is the end, unless the brokers gave up a transaction that was open too long")
  func fenced() throws {
    var (sink, source) = (sink(), MemorySource([]))
    func commit() -> PipelineFailure? {
      failure { () throws(PipelineFailure) in try sink.commit(next: next, from: &source) }
    }
    script.failures["commit"] = [.fenced, .fenced]
    try sink.send(message)
    script.nowMs = 1_000
    #expect(commit()?.remedy == .again)
    try sink.abandon()
    #expect(script.made == 2)
    try sink.send(message)
    script.nowMs = 1_999
    #expect(commit() == PipelineFailure(remedy: .stop, dependency: .kafka, reason: "commit"))
  }

  @Test("outside the group nothing is committed: nobody would check whose the partitions are")
  func outside() throws {
    var (sink, source) = (sink(), MemorySource([]))
    try sink.send(message)
    for member in [
      Membership(group: "g", generation: -1, member: "m"),
      Membership(group: "g", generation: 3, member: ""),
    ] {
      source.membership = member
      #expect(
        failure { () throws(PipelineFailure) in
          try sink.commit(next: next, from: &source)
        }?.remedy == .again
      )
    }
    #expect(!script.calls.contains("commit"))
  }

  @Test("what cannot be mended stops it, saying why")
  func stops() throws {
    var sink = sink()
    script.failures["make"] = [.stop]
    let failure = failure { () throws(PipelineFailure) in try sink.prepare() }
    #expect(failure == PipelineFailure(remedy: .stop, dependency: .kafka, reason: "make"))
  }
}
