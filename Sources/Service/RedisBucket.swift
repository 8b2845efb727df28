import Redis

/// One of the groups that users are parted in, so that a script can see beside a user's session who
/// may write to it: a cluster lets a script touch the keys of one slot only.
///
/// A bucket is a 256th of a cluster's slots, and holds the users who would live there by
/// themselves. Its label lives there too, so buckets spread over nodes as evenly as slots do. Both
/// are part of every key: they never change.
struct RedisBucket: Hashable, Sendable {
  static let count = 256
  static let all = (0..<count).map { RedisBucket(number: $0) }

  let number: Int

  private init(number: Int) { self.number = number }

  init(of user: String) { number = Self.number(of: user) }

  /// The key of the bucket's fence.
  func key(_ prefix: String) -> String { "\(prefix):{\(Self.labels[number])}" }

  /// The key of a user in this bucket.
  func key(_ prefix: String, of user: String) -> String { "\(key(prefix)):\(user)" }

  private static func number(of text: String) -> Int {
    HashSlot.hash(text.utf8) / (HashSlot.count / count)
  }

  /// Of each bucket the least number that lives there.
  private static let labels: [String] = {
    var labels: [Int: String] = [:]
    var next = 0
    while labels.count < count {
      let label = String(next)
      let bucket = number(of: label)
      if labels[bucket] == nil { labels[bucket] = label }
      next += 1
    }
    return (0..<count).compactMap { labels[$0] }
  }()
}
