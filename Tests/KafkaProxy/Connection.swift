import Glibc
import Synchronization

/// A client's connection and its twin to the broker: two sockets, and a thread for each direction.
final class Connection: Sendable {
  /// What to do with the answer to a request, where that is not simply to pass it on.
  private struct Expectation {
    var cutsTags = false
    var fault: Fault?
  }

  private struct State {
    var expected: [Int32: Expectation] = [:]
    var openDirections = 2
  }

  private static let bufferCount = 1 << 18

  private let client: Int32
  private let broker: Int32
  private let faults: FaultPlan
  private let gate: Gate
  private let state = Mutex(State())

  /// Takes over both sockets.
  init(client: Int32, broker: Int32, faults: FaultPlan, gate: Gate) {
    self.client = client
    self.broker = broker
    self.faults = faults
    self.gate = gate
  }

  /// Ends both directions; whoever finishes last closes the sockets.
  func cut() {
    state.withLock { state in
      if state.openDirections == 0 { return }
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(broker, Int32(SHUT_RDWR))
    }
  }

  /// Passes requests on until the connection ends.
  func relayRequests() { relay(from: client, to: broker, decide: decideRequest) }

  /// Passes answers back until the connection ends.
  func relayAnswers() { relay(from: broker, to: client, decide: decideAnswer) }

  /// What happens to a frame.
  private enum Decision {
    case pass, wait(ms: Int), cut, rewrite
    /// More of it has to arrive first.
    case undecided
  }

  private func decideRequest(_ start: Span<UInt8>, frameCount: Int) -> Decision {
    guard let request = RequestHeader(start, frameCount: frameCount) else { return .undecided }
    let fault = faults.take(for: request)
    var expectation = Expectation()
    expectation.cutsTags = request.api == KafkaAPI.apiVersions.rawValue && request.version >= 3
    if let fault, fault.concernsAnswer { expectation.fault = fault }
    if expectation.cutsTags || expectation.fault != nil {
      state.withLock { $0.expected[request.correlation] = expectation }
    }
    switch fault {
    case .dropRequest: return .cut
    case .delayRequest(let ms): return .wait(ms: ms)
    case .dropAnswer, .delayAnswer, nil: return .pass
    }
  }

  private func decideAnswer(_ start: Span<UInt8>, frameCount: Int) -> Decision {
    if start.count < 8 { return .undecided }
    let correlation = Int32(truncatingIfNeeded: integer(start, at: 4, count: 4))
    guard let expectation = state.withLock({ $0.expected[correlation] }) else { return .pass }
    let rewrites = expectation.cutsTags && frameCount <= Self.bufferCount
    if rewrites && start.count < frameCount { return .undecided }
    state.withLock { $0.expected[correlation] = nil }
    switch expectation.fault {
    case .dropAnswer: return .cut
    case .delayAnswer(let ms): return .wait(ms: ms)
    case .dropRequest, .delayRequest, nil: return rewrites ? .rewrite : .pass
    }
  }

  /// Passes bytes on as they come, looking only at the start of each frame.
  private func relay(
    from source: Int32,
    to sink: Int32,
    decide: (Span<UInt8>, Int) -> Decision
  ) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferCount, alignment: 16)
    defer {
      unsafe buffer.deallocate()
      finish()
    }
    var filled = 0
    /// Bytes of a frame that was decided on, and has not arrived in full.
    var passing = 0
    while true {
      let count = unsafe Socket.read(source, into: .init(rebasing: buffer[filled...]))
      if count <= 0 { return }
      gate.wait()
      filled += count

      var start = 0
      var position = 0
      func flush() -> Bool {
        defer { start = position }
        return unsafe Socket.write(sink, .init(rebasing: buffer[start..<position]))
      }
      frames: while position < filled {
        if passing > 0 {
          let step = min(passing, filled - position)
          position += step
          passing -= step
          continue
        }
        let rest = unsafe Span<UInt8>(
          _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[position..<filled])
        )
        if rest.count < 4 { break }
        let frameCount = 4 + integer(rest, at: 0, count: 4)
        switch decide(rest.extracting(0..<min(frameCount, rest.count)), frameCount) {
        case .undecided: break frames
        case .pass: passing = frameCount
        case .cut:
          _ = flush()
          return
        case .wait(let ms):
          if !flush() { return }
          sleep(ms: ms)
          passing = frameCount
        case .rewrite:
          if !flush() { return }
          let frame = withoutTaggedFields(
            apiVersions: unsafe Array(
              UnsafeRawBufferPointer(rebasing: buffer[position..<position + frameCount])
            )
          )
          if unsafe !frame.withUnsafeBytes({ unsafe Socket.write(sink, $0) }) { return }
          position += frameCount
          start = position
        }
      }
      if !flush() { return }
      unsafe buffer.copyMemory(from: .init(rebasing: buffer[position..<filled]))
      filled -= position
    }
  }

  private func finish() {
    cut()
    state.withLock { state in
      state.openDirections -= 1
      if state.openDirections > 0 { return }
      close(client)
      close(broker)
    }
  }
}

func sleep(ms: Int) { usleep(UInt32(clamping: ms * 1_000)) }
