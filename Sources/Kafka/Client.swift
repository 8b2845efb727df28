import CRdkafka

/// Receives what librdkafka has to say: syslog level (0 worst, 7 debug), facility, text.
///
/// Called on librdkafka's own threads.
package typealias KafkaLog = @Sendable (_ level: Int, _ facility: String, _ text: String) -> Void

/// What C callbacks reach Swift through; each kind of client adds its own.
class Bridge {
  private let log: KafkaLog?
  /// The last trouble that librdkafka reported by itself, such as a refused connection.
  ///
  /// Set and read on the thread that polls.
  final var lastError: KafkaFailure?

  init(log: KafkaLog?) { self.log = log }

  @unsafe
  static func from(_ client: OpaquePointer?) -> Bridge? {
    guard let client = unsafe client, let opaque = unsafe rd_kafka_opaque(client) else {
      return nil
    }
    return unsafe Unmanaged<Bridge>.fromOpaque(opaque).takeUnretainedValue()
  }

  static let logCallback:
    @convention(c) (
      OpaquePointer?, Int32, UnsafePointer<CChar>?, UnsafePointer<CChar>?
    ) -> Void = { client, level, facility, text in
      guard let log = unsafe from(client)?.log else { return }
      unsafe log(
        Int(level),
        facility.map { unsafe String(cString: $0) } ?? "",
        text.map { unsafe String(cString: $0) } ?? ""
      )
    }

  static let errorCallback:
    @convention(c) (
      OpaquePointer?, Int32, UnsafePointer<CChar>?, UnsafeMutableRawPointer?
    ) -> Void = { client, code, text, _ in
      guard let bridge = unsafe from(client) else { return }
      let reason = unsafe text.map { unsafe String(cString: $0) }
      bridge.complained(KafkaFailure(rd_kafka_resp_err_t(code), reason: reason))
    }

  /// Takes note of a complaint; that all brokers are down says less than why the last of them is.
  private func complained(_ failure: KafkaFailure) {
    if failure.code != "_ALL_BROKERS_DOWN" || lastError == nil { lastError = failure }
  }
}

/// The one owner of an `rd_kafka_t`.
///
/// Whoever holds one says goodbye in its own `deinit`, which runs first: closes the consumer,
/// purges the producer. Then librdkafka's threads end here, and only after them goes what the
/// callbacks point at.
@safe
struct Client: ~Copyable {
  let raw: OpaquePointer
  private let bridge: Unmanaged<Bridge>

  init(
    _ settings: [String: String],
    role: ClientRole,
    bridge: Bridge
  ) throws(KafkaFailure) {
    // Everything that can fail comes first, into locals: a half-made owner has no deinit to run.
    let configuration = try Configuration(settings, role: role)
    let opaque = unsafe Unmanaged.passUnretained(bridge).toOpaque()
    let raw = unsafe try configuration.makeClient(opaque: opaque)

    unsafe self.raw = raw
    unsafe self.bridge = .passRetained(bridge)
  }

  deinit {
    unsafe rd_kafka_destroy(raw)
    unsafe bridge.release()
  }

  borrowing func check(
    _ code: rd_kafka_resp_err_t,
    _ context: @autoclosure () -> String
  ) throws(KafkaFailure) {
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
    throw failure(code).adding(context())
  }

  /// A failure that says no more than that nobody answered, with librdkafka's last own complaint
  /// beside it: that has the address, and why.
  ///
  /// Takes in what is to be told; not for a consumer, whose poll does.
  borrowing func explained(_ failure: KafkaFailure) -> KafkaFailure {
    guard ["_TIMED_OUT", "_TRANSPORT", "_ALL_BROKERS_DOWN"].contains(failure.code) else {
      return failure
    }
    _ = unsafe rd_kafka_poll(raw, 0)
    guard let last = unsafe bridge.takeUnretainedValue().lastError else { return failure }
    return failure.adding(cause: last)
  }

  /// What a code means here: of a fatal error, the cause.
  borrowing func failure(_ code: rd_kafka_resp_err_t) -> KafkaFailure {
    if code == RD_KAFKA_RESP_ERR__FATAL, let fatal = fatalFailure() { return fatal }
    return KafkaFailure(code)
  }

  /// The error after which this client is of no more use, if there was one.
  borrowing func fatalFailure() -> KafkaFailure? {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      unsafe text.initialize(repeating: 0)
      let code = unsafe rd_kafka_fatal_error(raw, text.baseAddress, text.count)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { return nil }
      return unsafe KafkaFailure(code, remedy: .stop, reason: string(text))
    }
  }
}

/// A timeout as C wants it; a negative one would mean "for ever" there.
func timeout(ms: Int) -> Int32 { Int32(clamping: max(0, ms)) }

/// The version of librdkafka this process runs with, as 0xMMmmrrpp.
package var librdkafkaVersion: Int { Int(rd_kafka_version()) }
