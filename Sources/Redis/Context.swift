import CHiredis
import Glibc

/// The one owner of a `redisContext`: bytes in order to the server, replies in order back.
///
/// It cannot be copied, so it is freed exactly once. After the first failure hiredis calls the
/// context unusable, and ``Connection`` never touches it again.
@safe
struct Context: ~Copyable {
  private let raw: UnsafeMutablePointer<redisContext>

  init(_ settings: RedisSettings) throws(RedisFailure) {
    Self.ignoreBrokenPipes
    let timeout = timeval(milliseconds: settings.connectTimeoutMs)
    let made =
      switch settings.address {
      case .tcp(let host, let port):
        unsafe redisConnectWithTimeout(host, Int32(clamping: port), timeout)
      case .unix(let path): unsafe redisConnectUnixWithTimeout(path, timeout)
      }
    guard let made = unsafe made else {
      throw RedisFailure(remedy: .retry, reason: "no memory for a connection to Redis")
    }
    guard unsafe made.pointee.err == 0,
      unsafe redisSetTimeout(made, timeval(milliseconds: settings.commandTimeoutMs)) == REDIS_OK
    else {
      let reason = unsafe Self.reason(made, errno)
      unsafe redisFree(made)
      throw RedisFailure(
        remedy: .retry,
        reason: "cannot connect to Redis at \(settings.address): \(reason)"
      )
    }
    unsafe raw = made
    if case .tcp = settings.address { _ = unsafe redisEnableKeepAlive(made) }
  }

  deinit { unsafe redisFree(raw) }

  /// Queues commands in wire format; the next ``reply()`` sends them.
  borrowing func append(_ bytes: [UInt8]) throws(RedisFailure) {
    let code = unsafe bytes.withUnsafeBytes { bytes in
      unsafe redisAppendFormattedCommand(
        raw,
        bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        bytes.count
      )
    }
    if code != REDIS_OK { throw failure(errno) }
  }

  /// Sends what is queued.
  borrowing func flush() throws(RedisFailure) {
    var isDone: Int32 = 0
    while isDone == 0 {
      if unsafe redisBufferWrite(raw, &isDone) != REDIS_OK { throw failure(errno) }
    }
  }

  /// Sends what is queued and waits for the next reply.
  borrowing func reply() throws(RedisFailure) -> Reply {
    var answer: UnsafeMutableRawPointer?
    let code = unsafe redisGetReply(raw, &answer)
    let number = errno
    defer { if let answer = unsafe answer { unsafe freeReplyObject(answer) } }
    guard code == REDIS_OK, let answer = unsafe answer else { throw failure(number) }

    let copy = unsafe Reply(copying: answer.assumingMemoryBound(to: redisReply.self).pointee)
    guard let copy else {
      throw RedisFailure(remedy: .retry, reason: "Redis answered with something unheard of")
    }
    return copy
  }

  private borrowing func failure(_ number: Int32) -> RedisFailure {
    RedisFailure(
      remedy: .retry,
      reason: "the connection to Redis broke: \(unsafe Self.reason(raw, number))"
    )
  }

  /// What hiredis says went wrong; a timeout reaches it as `EAGAIN`, which says little.
  private static func reason(
    _ raw: UnsafeMutablePointer<redisContext>,
    _ number: Int32
  ) -> String {
    if unsafe raw.pointee.err == REDIS_ERR_IO, number == EAGAIN { return "no answer in time" }
    return unsafe withUnsafeBytes(of: &raw.pointee.errstr) { text in
      unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// hiredis writes with `write`, so a server that went away would end the process by `SIGPIPE`.
  private static let ignoreBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}

extension timeval {
  fileprivate init(milliseconds: Int) {
    let milliseconds = max(milliseconds, 1)
    self.init(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
  }
}
