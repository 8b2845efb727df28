import Redis
import TestSupport
import Testing

extension RedisServer {
  /// RedisSettings to reach this server by its port.
  var settings: RedisSettings {
    RedisSettings(address: .tcp(host: "127.0.0.1", port: port), commandTimeoutMs: 2_000)
  }
}

@Suite("Connection", .timeLimit(.minutes(1)))
struct ConnectionTests {
  @Test("every kind of reply comes back as what it is")
  func replies() throws {
    var redis = try Connection(try RedisServer.shared.settings)
    let replies = try redis.pipeline([
      ["SET", "replies", "41"], ["INCR", "replies"], ["GET", "replies"], ["GET", "no such key"],
      ["EVAL", "return {1, 'a', {}, {false, {'b'}}, redis.status_reply('S')}", 0],
    ])
    let nested = Reply.array([
      .integer(1), .bytes([97]), .array([]), .array([.null, .array([.bytes([98])])]), .status("S"),
    ])
    #expect(replies == [.status("OK"), .integer(42), .bytes([52, 50]), .null, nested])
  }

  @Test("any bytes go there and come back", arguments: [0, 1, 255, 100_000, 3_000_000])
  func binary(count: Int) throws {
    var redis = try Connection(try RedisServer.shared.settings)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 256) }
    let key = Argument.bytes([0, 13, 10, 255] + Array(String(count).utf8))
    #expect(try redis.command(["SET", key, .bytes(bytes)]) == .status("OK"))
    #expect(try redis.command(["GET", key]) == .bytes(bytes))
  }

  @Test("a refused command has its error in its place, and the rest go on")
  func refusals() throws {
    var redis = try Connection(try RedisServer.shared.settings)
    let replies = try redis.pipeline(
      [
        ["SET", "refusals", "text"], ["LPUSH", "refusals", "x"], [], ["NOSUCH", "é"],
        ["GET", "refusals"],
      ].filter { !$0.isEmpty }
    )
    #expect(replies[0] == .status("OK"))
    guard case .error(let wrongType) = replies[1], case .error = replies[2] else {
      Issue.record("no errors in \(replies)")
      return
    }
    #expect(RedisFailure.code(of: wrongType) == "WRONGTYPE")
    #expect(replies[3] == .bytes(Array("text".utf8)))
    let failure = #expect(throws: RedisFailure.self) {
      _ = try redis.command(["LPUSH", "refusals", "x"])
    }
    #expect(failure?.remedy == .stop)
    let alive = redis.isAlive
    #expect(alive)
  }

  @Test("thousands of commands in one pipeline are answered in order")
  func long() throws {
    var redis = try Connection(try RedisServer.shared.settings)
    let replies = try redis.pipeline((0..<20_000).map { ["ECHO", .integer($0)] })
    #expect(replies == (0..<20_000).map { .bytes(Array(String($0).utf8)) })
    #expect(try redis.pipeline([]) == [])
  }

  @Test("a socket file, a database and a name are as good")
  func unix() throws {
    let server = try RedisServer.shared
    var redis = try Connection(
      RedisSettings(address: .unix(path: server.socketPath), database: 3, clientName: "here")
    )
    #expect(try redis.command(["CLIENT", "GETNAME"]) == .bytes(Array("here".utf8)))
    guard case .bytes(let info) = try redis.command(["CLIENT", "INFO"]) else {
      Issue.record("no client info")
      return
    }
    #expect(String(decoding: info, as: UTF8.self).contains(" db=3 "))
  }

  @Test("a database that is not there stops")
  func database() throws {
    var settings = try RedisServer.shared.settings
    settings.database = 99
    let failure = #expect(throws: RedisFailure.self) { _ = try Connection(settings) }
    #expect(failure?.remedy == .stop)
  }
}
