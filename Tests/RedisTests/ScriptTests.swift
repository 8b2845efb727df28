import Redis
import TestSupport
import Testing

@Suite("Script", .timeLimit(.minutes(1)))
struct ScriptTests {
  private static let source = "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}"

  private func call(_ key: String) -> Script.Call {
    Script.Call(keys: [.text(key)], arguments: ["x"])
  }

  private func answer(_ key: String, _ count: Int64) -> Reply {
    .array([.bytes(Array(key.utf8)), .bytes([120]), .integer(count)])
  }

  @Test("it runs, and again after the server has lost it, each call once")
  func reloads() throws {
    let server = try RedisServer()
    var redis = try Connection(server.settings)
    var script = Script(Self.source)
    #expect(try script.run([], on: &redis) == [])
    #expect(
      try script.run([call("a"), call("b")], on: &redis) == [answer("a", 1), answer("b", 1)]
    )
    _ = try redis.command(["SCRIPT", "FLUSH"])
    #expect(
      try script.run([call("b"), call("a")], on: &redis) == [answer("b", 2), answer("a", 2)]
    )
    try server.restart()
    var fresh = try Connection(server.settings)
    #expect(try script.run([call("a")], on: &fresh) == [answer("a", 1)])
  }

  @Test("a call that is refused has its error in its place")
  func refusals() throws {
    var redis = try Connection(try RedisServer.shared.settings)
    var script = Script(Self.source)
    _ = try redis.pipeline([["DEL", "script", "list"], ["RPUSH", "list", "x"]])
    let replies = try script.run([call("list"), call("script")], on: &redis)
    guard case .error(let message) = replies[0] else {
      Issue.record("no error but \(replies[0])")
      return
    }
    #expect(message.contains("WRONGTYPE"))
    #expect(replies[1] == answer("script", 1))
  }

  @Test("a script that does not compile stops")
  func broken() throws {
    var redis = try Connection(try RedisServer.shared.settings)
    var script = Script("return return")
    let failure = #expect(throws: RedisFailure.self) {
      _ = try script.run([call("a")], on: &redis)
    }
    #expect(failure?.remedy == .stop)
  }
}

@Suite("Redis failure")
struct RedisFailureTests {
  @Test(
    "what passes by itself is worth a retry",
    arguments: [
      "LOADING Redis is loading the dataset in memory", "READONLY You can't write", "BUSY script",
      "OOM command not allowed", "CLUSTERDOWN Hash slot not served", "MISCONF Errors writing",
      "ERR max number of clients reached",
    ]
  )
  func retries(message: String) { #expect(RedisFailure(reply: message).remedy == .retry) }

  @Test(
    "what a person must mend stops",
    arguments: [
      "NOAUTH Authentication required.", "WRONGPASS invalid", "WRONGTYPE Operation",
      "NOPERM this user",
      "ERR unknown command", "", "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381",
    ]
  )
  func stops(message: String) {
    let failure = RedisFailure(reply: message)
    #expect(failure.remedy == .stop)
    #expect(failure.reason.contains(message))
    #expect(
      failure.reason.contains("cluster") == (message.hasPrefix("MOVED") || message.hasPrefix("ASK"))
    )
  }
}
