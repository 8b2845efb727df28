import Events
package import Learning
package import Redis
import Sessions
import Synchronization

/// The lessons of all workers in Redis: a stream of what was taught since the state that was handed
/// in last, and a hash of that state and of how far each partition has taught.
///
/// Both are of one model, in one slot: `dreamstream:{lessons:3:VERSION}:log` and `…:state`. They
/// live as long as sessions do after the last lesson. Lessons name no user, but hold oracles of
/// sessions.
package final class RedisLessons: LessonLog, Sendable {
  /// Lessons told of in one answer.
  package static let step = 1_024

  private let keys: [String]
  private let timeToLiveMs: Int64
  private let limit: Int
  private let line: Mutex<RedisLine>
  private let read = Mutex(Read())

  /// How far we have read, and a name of the last lesson: one by the same number that has another
  /// name was handed on since some were lost.
  private struct Read {
    var number: Int64 = 0
    var nonce: [UInt8] = []
  }

  /// A log that connects when it is first used.
  ///
  /// - Parameters:
  ///   - settings: Where the server is, and how long to wait for each answer: half a second at
  ///     most, for clicks wait meanwhile, and lessons can.
  ///   - prefix: What every key starts with.
  ///   - model: The version of the model, whose oracles the lessons hold.
  ///   - timeToLiveMs: How long the log outlives its last lesson.
  ///   - limit: Lessons kept: more there are only if nobody hands a state in.
  package init(
    settings: RedisSettings,
    prefix: String,
    model: String,
    timeToLiveMs: Int64,
    limit: Int = 65_536
  ) {
    self.limit = limit
    let slot = "\(prefix):{lessons:\(LiveItems.form):\(model.filter { $0 != "}" })}"
    keys = ["\(slot):log", "\(slot):state"]
    // Redis refuses what does not fit its clock.
    self.timeToLiveMs = min(max(timeToLiveMs, 1), 1 << 52)
    var settings = settings
    settings.connectTimeoutMs = min(settings.connectTimeoutMs, 500)
    settings.commandTimeoutMs = min(settings.commandTimeoutMs, 500)
    line = Mutex(RedisLine(settings))
  }

  package func exchange(_ lessons: [Lesson]) throws(LessonFailure) -> LessonNews {
    let before = read.withLock { $0 }
    var arguments: [Argument] = [
      .integer(before.number), .bytes(before.nonce),
      .integer(Int64(UInt32.random(in: 0...UInt32.max))), .integer(timeToLiveMs),
      .integer(Int64(Self.step)), .integer(Int64(limit)),
    ]
    for lesson in lessons {
      guard let position = lesson.position else { continue }
      arguments += [
        RedisFence.source(position.home), .integer(position.offset), .bytes(lesson.encoded),
      ]
    }
    let reply = try run(.exchange, arguments)
    guard let (nonce, news) = Self.news(reply) else { throw notOurs }
    let start = news.start == .here ? before.number : Int64(news.kept)
    read.withLock { $0 = Read(number: start + Int64(news.lessons.count), nonce: nonce) }
    return news
  }

  package func offer(_ state: [UInt8], after number: Int) throws(LessonFailure) {
    let nonce = read.withLock { $0.nonce }
    _ = try run(.offer, [.bytes(nonce), .integer(Int64(number)), .bytes(state)])
  }

  package func beginAnew() { read.withLock { $0 = Read() } }

  private func run(
    _ request: RedisLine.Request,
    _ arguments: [Argument]
  ) throws(LessonFailure) -> Reply {
    let call = Script.Call(keys: keys.map { .text($0) }, arguments: arguments)
    do throws(SessionFailure) {
      let replies = try line.withLock { (line) throws(SessionFailure) in
        try line.run(request, [call], inLife: nil, refusal: refusal)
      }
      if let reply = replies.first { return reply }
    } catch {
      throw LessonFailure(reason: error.reason)
    }
    throw notOurs
  }

  private func refusal(_ replies: [Reply]) -> SessionFailure? {
    guard case .error(let message)? = replies.first else { return nil }
    if RedisFailure.code(of: message) != "WRONGTYPE" {
      return SessionFailure(RedisFailure(reply: message))
    }
    return SessionFailure(
      remedy: .stop,
      reason: "\(keys[0]) or \(keys[1]) in Redis is no log of lessons (\(message)); delete both to "
        + "begin anew, or choose another redis.prefix"
    )
  }

  private var notOurs: LessonFailure {
    LessonFailure(reason: "Redis answered for \(keys[0]) with something else than lessons")
  }

  /// Reads `[name of the last lesson told of, lessons in all, kept, start, state, [lesson…]]`.
  private static func news(_ reply: Reply) -> (nonce: [UInt8], LessonNews)? {
    guard case .array(let fields) = reply, fields.count == 6,
      case .bytes(let nonce) = fields[0], case .integer(let total) = fields[1],
      case .integer(let kept) = fields[2], case .integer(let start) = fields[3],
      case .bytes(let state) = fields[4], case .array(let replies) = fields[5]
    else { return nil }
    var news = LessonNews(kept: Int(kept), total: Int(total))
    switch start {
    case 0: news.start = .here
    case 1: news.start = .beginning
    default: news.start = .state(state)
    }
    news.lessons = replies.map { reply in
      guard case .bytes(let bytes) = reply else { return nil }
      return Lesson(encoded: bytes)
    }
    return (nonce, news)
  }
}

/// What a log of lessons does in Redis, all of it in one slot.
///
/// The stream's ids are the lessons' numbers, from 1; each has a name beside it. The hash has how
/// many there are, how far each partition has taught, and the state that was handed in last, after
/// how many lessons that is and the name of the last of them.
enum RedisLessonScript {
  /// `ARGV`: how far the reader is, the name of the lesson there, a name for new ones, time to
  /// live, how many lessons to answer with, how many to keep at most; and for each new lesson its
  /// source, offset and bytes.
  ///
  /// A log that has lost something, or that nobody hands a state to, begins anew: readers are told.
  static let exchange = #"""
    local log, state = KEYS[1], KEYS[2]
    local function numbers()
      local total, kept = unpack(redis.call('HMGET', state, 'total', 'kept'))
      return tonumber(total or 0), tonumber(kept or 0)
    end
    local function id(number) return string.format('%d-1', number) end
    local total, kept = numbers()
    local length = redis.call('XLEN', log)
    local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
    local is_whole = length == total - kept and (length == 0 or newest[1] == id(total))
      and (kept == 0 or redis.call('HEXISTS', state, 'state') == 1)
    if not is_whole or length >= tonumber(ARGV[6]) then
      redis.call('DEL', log, state)
      total, kept = 0, 0
    end
    local is_new = false
    for i = 7, #ARGV, 3 do
      local field = 'mark:' .. ARGV[i]
      local mark = redis.call('HGET', state, field)
      if not mark or tonumber(mark) < tonumber(ARGV[i + 1]) then
        total, is_new = total + 1, true
        redis.call('XADD', log, id(total), 'lesson', ARGV[i + 2], 'name', ARGV[3])
        redis.call('HSET', state, field, ARGV[i + 1], 'total', total)
      end
    end
    if is_new then
      redis.call('PEXPIRE', log, ARGV[4])
      redis.call('PEXPIRE', state, ARGV[4])
    end
    local function name(number)
      if number == 0 then return '' end
      if number == kept then return redis.call('HGET', state, 'name') or '' end
      local entry = redis.call('XRANGE', log, id(number), id(number))[1]
      return entry and entry[2][4] or ''
    end
    local last, start, before = tonumber(ARGV[1]), 0, ''
    local is_known = last >= kept and last <= total and name(last) == ARGV[2]
    if not is_known or (last == 0 and total > 0) then
      last, start = kept, 1
      if kept > 0 then start, before = 2, redis.call('HGET', state, 'state') end
    end
    local lessons, found = {}, name(last)
    for _, entry in ipairs(redis.call('XRANGE', log, id(last + 1), '+', 'COUNT', ARGV[5])) do
      lessons[#lessons + 1], found = entry[2][2], entry[2][4] or ''
    end
    return {found, total, kept, start, before, lessons}
    """#

  /// `ARGV`: the name of the last lesson that the state rests on, how many these are, and the
  /// state.
  static let offer = #"""
    local log, state = KEYS[1], KEYS[2]
    local id = string.format('%d-1', tonumber(ARGV[2]))
    local entry = redis.call('XRANGE', log, id, id)[1]
    if not entry or entry[2][4] ~= ARGV[1] then return 0 end
    redis.call('XTRIM', log, 'MINID', string.format('%d-1', tonumber(ARGV[2]) + 1))
    redis.call('HSET', state, 'kept', ARGV[2], 'state', ARGV[3], 'name', ARGV[1])
    return 1
    """#
}
