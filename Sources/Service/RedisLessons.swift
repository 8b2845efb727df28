import Events
package import Learning
package import Redis
import Sessions
import Synchronization

/// The lessons of all workers in Redis: a stream of what was taught since the state that was handed
/// in last, and a hash of that state and of how far each partition has taught.
///
/// Both are of one model, in one slot: `dreamstream:{lessons:VERSION}:log` and `…:state`. They live
/// as long as sessions do after the last lesson. Lessons have no user, but oracles of sessions.
package final class RedisLessons: LessonLog, Sendable {
  /// Lessons told of in one answer.
  package static let step = 1_024

  private let keys: [String]
  private let timeToLiveMs: Int64
  private let line: Mutex<RedisLine>
  private let read = Mutex(Read())

  /// How far we have read, in which life of the log.
  private struct Read {
    var life: [UInt8] = []
    var number: Int64 = 0
  }

  /// A log that connects when it is first used.
  ///
  /// - Parameters:
  ///   - settings: Where the server is, and how long to wait for it.
  ///   - prefix: What every key starts with.
  ///   - model: The version of the model, whose oracles the lessons hold.
  ///   - timeToLiveMs: How long the log outlives its last lesson.
  package init(settings: RedisSettings, prefix: String, model: String, timeToLiveMs: Int64) {
    let slot = "\(prefix):{lessons:\(model.filter { $0 != "}" })}"
    keys = ["\(slot):log", "\(slot):state"]
    // Redis refuses what does not fit its clock.
    self.timeToLiveMs = min(max(timeToLiveMs, 1), 1 << 52)
    line = Mutex(RedisLine(settings))
  }

  package func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews {
    let before = read.withLock { $0 }
    var arguments: [Argument] = [
      .integer(before.number), .bytes(before.life),
      .integer(Int64(UInt32.random(in: 0...UInt32.max))), .integer(timeToLiveMs),
      .integer(Int64(Self.step)),
    ]
    for lesson in lessons {
      guard let position = lesson.position else { continue }
      arguments += [
        RedisFence.source(position.home), .integer(position.offset),
        .bytes(lesson.encoded),
      ]
    }
    let reply = try run(.exchange, arguments)
    guard let (life, news) = Self.news(reply) else { throw notOurs }
    let start = news.start == .here ? before.number : Int64(news.kept)
    read.withLock { $0 = Read(life: life, number: start + Int64(news.lessons.count)) }
    return news
  }

  package func offer(_ state: [UInt8], after number: Int) throws(LessonFailure) {
    let life = read.withLock { $0.life }
    _ = try run(.offer, [.bytes(life), .integer(Int64(number)), .bytes(state)])
  }

  private func run(
    _ request: RedisLine.Request,
    _ arguments: [Argument]
  ) throws(LessonFailure) -> Reply {
    let call = Script.Call(keys: keys.map { .text($0) }, arguments: arguments)
    do throws(SessionFailure) {
      let replies = try line.withLock { (line) throws(SessionFailure) in
        try line.run(request, [call], inLife: nil) { RedisRefusal.gravest(in: $0, of: keys) }
      }
      if let reply = replies.first { return reply }
    } catch {
      throw LessonFailure(reason: error.reason)
    }
    throw notOurs
  }

  private var notOurs: LessonFailure {
    LessonFailure(reason: "Redis answered for \(keys[0]) with something else than lessons")
  }

  /// Reads `[life, lessons in all, kept, start, state, [lesson…]]`.
  private static func news(_ reply: Reply) -> (life: [UInt8], LessonNews)? {
    guard case .array(let fields) = reply, fields.count == 6,
      case .bytes(let life) = fields[0], case .integer(let total) = fields[1],
      case .integer(let kept) = fields[2], case .integer(let start) = fields[3],
      case .bytes(let state) = fields[4], case .array(let replies) = fields[5]
    else { return nil }
    var news = LessonNews(kept: Int(kept), total: Int(total))
    switch start {
    case 0: news.start = .here
    case 1: news.start = .beginning
    default: news.start = .state(state)
    }
    for reply in replies {
      guard case .bytes(let bytes) = reply, let lesson = Lesson(encoded: bytes) else { return nil }
      news.lessons.append(lesson)
    }
    return (life, news)
  }
}

/// What a log of lessons does in Redis, all of it in one slot.
enum RedisLessonScript {
  /// `ARGV`: how far the reader is, in which life of the log, the name of a life to begin, time to
  /// live, how many lessons to answer with; and for each new lesson its source, offset and bytes.
  ///
  /// A log that has lost something begins anew: readers are told to.
  static let exchange = #"""
    local log, state = KEYS[1], KEYS[2]
    redis.call('HSETNX', state, 'life', ARGV[3])
    local life, total, kept = unpack(redis.call('HMGET', state, 'life', 'total', 'kept'))
    total, kept = tonumber(total or 0), tonumber(kept or 0)
    for i = 6, #ARGV, 3 do
      local field = 'mark:' .. ARGV[i]
      local mark = redis.call('HGET', state, field)
      if not mark or tonumber(mark) < tonumber(ARGV[i + 1]) then
        total = total + 1
        redis.call('XADD', log, string.format('%d-1', total), 'lesson', ARGV[i + 2])
        redis.call('HSET', state, field, ARGV[i + 1], 'total', total)
      end
    end
    redis.call('PEXPIRE', log, ARGV[4])
    redis.call('PEXPIRE', state, ARGV[4])
    local last, start, before = tonumber(ARGV[1]), 0, ''
    if life ~= ARGV[2] or last < kept or last > total then
      last, start = kept, 1
      if kept > 0 then start, before = 2, redis.call('HGET', state, 'state') end
    end
    local lessons, expected = {}, last
    local from = string.format('%d-1', last + 1)
    for _, entry in ipairs(redis.call('XRANGE', log, from, '+', 'COUNT', ARGV[5])) do
      expected = expected + 1
      if entry[1] ~= string.format('%d-1', expected) then expected = -1 break end
      lessons[#lessons + 1] = entry[2][2]
    end
    if expected < 0 or (#lessons == 0 and last < total) then
      redis.call('DEL', log, state)
      return redis.error_reply('LESSONS lost; the log begins anew')
    end
    return {life, total, kept, start, before, lessons}
    """#

  /// `ARGV`: the life of the log, how many lessons the state rests on, and the state.
  static let offer = #"""
    local log, state = KEYS[1], KEYS[2]
    local life, total, kept = unpack(redis.call('HMGET', state, 'life', 'total', 'kept'))
    local number = tonumber(ARGV[2])
    if life ~= ARGV[1] or number <= tonumber(kept or 0) or number > tonumber(total or 0) then
      return 0
    end
    redis.call('HSET', state, 'kept', ARGV[2], 'state', ARGV[3])
    redis.call('XTRIM', log, 'MINID', string.format('%d-1', number + 1))
    return 1
    """#
}
