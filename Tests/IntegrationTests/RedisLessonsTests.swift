import Events
import Foundation
import Learning
import Redis
import Service
import TestSupport
import Testing

/// Lessons in a real server, under a prefix of their own.
@Suite("Redis lessons", .timeLimit(.minutes(2)))
struct RedisLessonsTests {
  private let server: RedisServer
  private let prefix = "lessons-\(UUID().uuidString)"

  init() throws { server = try .shared }

  private func log(_ settings: RedisSettings? = nil, limit: Int = 65_536) -> RedisLessons {
    RedisLessons(
      settings: settings ?? server.settings,
      prefix: prefix,
      model: "m1",
      timeToLiveMs: 60_000,
      limit: limit
    )
  }

  private func lesson(_ number: Int, partition: Int32 = 0) -> Lesson {
    Lesson(
      position: Position(topic: "t", partition: partition, offset: Int64(number)),
      oracle: [Float(number), -1],
      previous: "i\(number)",
      item: "i\(number + 1)"
    )
  }

  private func command(_ arguments: [Argument]) throws -> Reply {
    var connection = try Connection(server.settings)
    return try connection.command(arguments)
  }

  private var keys: (log: String, state: String) {
    ("\(prefix):{lessons:3:m1}:log", "\(prefix):{lessons:3:m1}:state")
  }

  @Test("all readers are told the same in the same order, and each lesson once")
  func shared() throws {
    let (one, other) = (log(), log())
    #expect(try one.exchange([lesson(1), lesson(2)]).lessons.map(\.?.item) == ["i2", "i3"])
    let news = try other.exchange([lesson(1, partition: 7), lesson(2), lesson(4)])
    #expect(news.lessons.map(\.?.item) == ["i2", "i3", "i2", "i5"])
    #expect(news.lessons[0]?.oracle == [1, -1] && news.lessons[0]?.position == nil)
    #expect(news.start == .beginning && news.total == 4 && news.kept == 0)
    let more = try one.exchange([lesson(3)])
    #expect(more.start == .here, "offsets only grow: 3 after 4 is old")
    #expect(more.lessons.map(\.?.item) == ["i2", "i5"])
    #expect(try one.exchange([]).lessons.isEmpty)
    for key in [keys.log, keys.state] {
      guard case .integer(let ms) = try command(["PTTL", .text(key)]) else {
        Issue.record("\(key) does not age")
        continue
      }
      #expect((1...60_000).contains(ms))
    }
  }

  @Test("a long log is told in steps")
  func steps() throws {
    let one = log()
    let count = RedisLessons.step + 10
    let first = try one.exchange((0..<count).map { lesson($0) })
    #expect(first.lessons.count == RedisLessons.step && first.total == count)
    #expect(try one.exchange([]).lessons.map(\.?.item) == (count - 10..<count).map { "i\($0 + 1)" })
  }

  @Test("a state takes the place of the lessons it rests on, the newest one")
  func state() throws {
    let one = log()
    _ = try one.exchange((0..<10).map { lesson($0) })
    try one.offer([1, 2, 3], after: 6)
    try one.offer([4], after: 5)
    try one.offer([4], after: 11)
    #expect(try command(["XLEN", .text(keys.log)]) == .integer(4))
    let news = try log().exchange([])
    #expect(news.start == .state([1, 2, 3]) && news.kept == 6 && news.total == 10)
    #expect(news.lessons.map(\.?.item) == ["i7", "i8", "i9", "i10"])
    #expect(try one.exchange([lesson(20)]).lessons.map(\.?.item) == ["i21"])
    try one.offer([9], after: 11)
    let late = log()
    #expect(try late.exchange([]) == LessonNews(start: .state([9]), kept: 11, total: 11))
    #expect(try late.exchange([lesson(21)]).lessons.map(\.?.item) == ["i22"])
  }

  @Test("a log that lost something begins anew, and its readers with it", arguments: 0..<4)
  func lost(what: Int) throws {
    let (one, other) = (log(), log())
    _ = try one.exchange((0..<5).map { lesson($0) })
    _ = try other.exchange([])
    if what == 3 { try one.offer([1], after: 5) }
    switch what {
    case 0: _ = try command(["DEL", .text(keys.log)])
    case 1: _ = try command(["DEL", .text(keys.state)])
    case 2: _ = try command(["DEL", .text(keys.log), .text(keys.state)])
    default: _ = try command(["HDEL", .text(keys.state), "state"])
    }
    // It has grown past where its readers were before they look.
    #expect(try log().exchange((0..<7).map { lesson($0) }).lessons.count == 7)
    for reader in [one, other] {
      let news = try reader.exchange([])
      #expect(news.start == .beginning && news.lessons.count == 7 && news.total == 7)
      #expect(try reader.exchange([]) == LessonNews(total: 7))
    }
  }

  @Test("lessons that were lost in a failover, and others in their place, are told apart")
  func rolledBack() throws {
    let (one, other) = (log(), log())
    _ = try one.exchange((0..<5).map { lesson($0) })
    let dump = try [keys.log, keys.state].map { try command(["DUMP", .text($0)]) }
    _ = try one.exchange((5..<8).map { lesson($0) })
    for (key, value) in zip([keys.log, keys.state], dump) {
      guard case .bytes(let bytes) = value else { throw CancellationError() }
      _ = try command(["RESTORE", .text(key), 0, .bytes(bytes), "REPLACE"])
    }
    _ = try other.exchange((10..<14).map { lesson($0) })
    let news = try one.exchange([])
    #expect(news.start == .beginning && news.total == 9)
    let expected = ["i1", "i2", "i3", "i4", "i5", "i11", "i12", "i13", "i14"]
    #expect(news.lessons.map(\.?.item) == expected)
  }

  @Test("a state of other lessons than those there is not taken, and reading keeps no log alive")
  func otherwise() throws {
    let one = log()
    _ = try one.exchange((0..<5).map { lesson($0) })
    _ = try command(["DEL", .text(keys.log), .text(keys.state)])
    let other = log()
    _ = try other.exchange((0..<7).map { lesson($0) })
    try one.offer([1], after: 5)
    let news = try log().exchange([])
    #expect(news.start == .beginning && news.kept == 0)
    for key in [keys.log, keys.state] { _ = try command(["PEXPIRE", .text(key), 20_000]) }
    _ = try other.exchange([lesson(6)])
    for key in [keys.log, keys.state] {
      guard case .integer(let ms) = try command(["PTTL", .text(key)]) else { continue }
      #expect((1...20_000).contains(ms))
    }
  }

  @Test("a log that nobody hands a state to does not grow for ever")
  func limited() throws {
    let one = log(limit: 10)
    _ = try one.exchange((0..<10).map { lesson($0) })
    let news = try one.exchange([lesson(10)])
    #expect(news.start == .beginning && news.lessons.map(\.?.item) == ["i11"])
  }

  @Test("a lesson that cannot be read is passed over, and counted")
  func unreadable() throws {
    let one = log()
    _ = try one.exchange([lesson(1)])
    _ = try command(["XADD", .text(keys.log), "2-1", "lesson", "x", "name", "n"])
    _ = try command(["HSET", .text(keys.state), "total", "2"])
    #expect(try one.exchange([lesson(3)]).lessons.map(\.?.item) == [nil, "i4"])
    #expect(try one.exchange([]) == LessonNews(total: 3))
    one.beginAnew()
    #expect(try one.exchange([]).lessons.count == 3)
  }

  @Test("what is not a log, or not there, is told in words")
  func refused() throws {
    _ = try command(["SET", .text(keys.log), "x"])
    do {
      _ = try log().exchange([lesson(1)])
      Issue.record("taken for a log")
    } catch { #expect("\(error)".contains("\(keys.state) in Redis is no log of lessons")) }
    let nowhere = RedisSettings(
      address: .unix(path: server.socketPath + ".none"),
      connectTimeoutMs: 200,
      commandTimeoutMs: 200
    )
    #expect(throws: LessonFailure.self) { _ = try log(nowhere).exchange([]) }
  }

  @Test("a cluster keeps them as well")
  func cluster() throws {
    let cluster = try RedisCluster.shared
    let (one, other) = (log(cluster.settings), log(cluster.settings))
    _ = try one.exchange([lesson(1), lesson(2)])
    try one.offer([5], after: 1)
    let news = try other.exchange([lesson(3)])
    #expect(news.start == .state([5]) && news.lessons.map(\.?.item) == ["i3", "i4"])
  }
}
