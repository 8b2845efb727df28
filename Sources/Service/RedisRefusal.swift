import Redis
import Sessions

/// What became of calls that Redis refused.
enum RedisRefusal {
  /// The refusal that decides what to do: a value that is not ours first, since trying again does
  /// not cure it; then a claim that does not hold.
  static func gravest(in replies: [Reply], of keys: [String]) -> SessionFailure? {
    var found: SessionFailure?
    for (key, reply) in zip(keys, replies) {
      guard case .error(let message) = reply else { continue }
      let failure = failure(message, key)
      if found.map({ weight(failure) > weight($0) }) ?? true { found = failure }
    }
    return found
  }

  private static func weight(_ failure: SessionFailure) -> Int {
    switch failure.remedy {
    case .retry: 0
    case .claim: 1
    case .stop: 2
    }
  }

  private static func failure(_ message: String, _ key: String) -> SessionFailure {
    let source = message.drop { $0 != " " }.dropFirst()
    switch RedisFailure.code(of: message) {
    case RedisFence.fenced:
      return SessionFailure(
        remedy: .claim,
        reason: "somebody else has claimed \(source) (\(key) in Redis)"
      )
    case RedisFence.taken:
      return SessionFailure(
        remedy: .stop,
        reason:
          "another group's workers have claimed \(source) (\(key) in Redis): each group needs "
          + "a redis.prefix of its own"
      )
    case RedisFence.lost:
      return SessionFailure(
        remedy: .claim,
        reason: "Redis has lost that \(source) is ours (\(key)): it started without what it had, "
          + "or failed over to a server that was behind"
      )
    case "WRONGTYPE", RedisSessionScript.corrupt:
      return SessionFailure(
        remedy: .stop,
        reason: "the value of \(key) in Redis is not a session, nor is there a fence beside it "
          + "(\(message)); delete the key to start afresh, or choose another key prefix"
      )
    default: return SessionFailure(RedisFailure(reply: message))
    }
  }
}
