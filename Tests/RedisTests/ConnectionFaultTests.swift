import Redis
import TestSupport
import Testing

@Suite("Connection under faults", .timeLimit(.minutes(1)))
struct ConnectionFaultTests {
  @Test("a killed server breaks the connection for good, even when it is back")
  func killed() throws {
    let server = try RedisServer()
    var redis = try Connection(server.settings)
    server.kill()
    let failure = #expect(throws: RedisFailure.self) { _ = try redis.command(["PING"]) }
    #expect(failure?.remedy == .retry)
    let alive = redis.isAlive
    #expect(!alive)
    try server.restart()
    #expect(throws: try #require(failure)) { _ = try redis.pipeline([["PING"]]) }
    var fresh = try Connection(server.settings)
    #expect(try fresh.command(["PING"]) == .status("PONG"))
  }

  @Test("what an append-only server has acknowledged outlives it")
  func durable() throws {
    let server = try RedisServer(appendOnly: true)
    var redis = try Connection(server.settings)
    _ = try redis.command(["SET", "k", "v"])
    try server.restart()
    redis = try Connection(server.settings)
    #expect(try redis.command(["GET", "k"]) == .bytes([118]))
  }

  @Test("a paused server is out of time, at a command and at the greeting")
  func paused() throws {
    let server = try RedisServer()
    var settings = server.settings
    settings.commandTimeoutMs = 50
    var redis = try Connection(settings)
    server.pause()
    defer { server.resume() }
    let clock = ContinuousClock()
    var failures: [RedisFailure?] = []
    let elapsed = clock.measure {
      failures = [
        #expect(throws: RedisFailure.self) { _ = try redis.command(["PING"]) },
        #expect(throws: RedisFailure.self) { _ = try Connection(settings) },
      ]
    }
    #expect(.milliseconds(100)..<(.seconds(5)) ~= elapsed)
    for failure in failures {
      #expect(failure?.remedy == .retry)
      #expect(failure?.reason.contains("no answer in time") == true)
    }
  }

  @Test(
    "nobody there is worth a retry, and the reason says where",
    arguments: [
      RedisSettings.Address.tcp(host: "127.0.0.1", port: 1), .unix(path: "/no/such.sock"),
    ]
  )
  func refused(address: RedisSettings.Address) throws {
    let failure = #expect(throws: RedisFailure.self) {
      _ = try Connection(RedisSettings(address: address))
    }
    #expect(failure?.remedy == .retry)
    #expect(failure?.reason.contains("\(address)") == true)
  }

  @Test("a port that is none is an error, not a trap", arguments: [-1, 65_536, .max, 1 << 32])
  func port(_ beyond: Int) throws {
    let port = try RedisServer.shared.port
    let wrong = beyond == 1 << 32 ? beyond + port : beyond
    #expect(throws: RedisFailure.self) {
      _ = try Connection(RedisSettings(address: .tcp(host: "127.0.0.1", port: wrong)))
    }
  }
}

@Suite("Credentials", .timeLimit(.minutes(1)))
struct CredentialsTests {
  static let password = "open sesame"

  @Test("the right password opens, as the default user and as another")
  func right() throws {
    let server = try Self.guarded()
    var settings = server.settings
    settings.password = RedisPassword(Self.password)
    var redis = try Connection(settings)
    #expect(try redis.command(["ACL", "WHOAMI"]) == .bytes(Array("default".utf8)))
    settings.user = "worker"
    settings.password = RedisPassword("bees")
    redis = try Connection(settings)
    #expect(try redis.command(["ACL", "WHOAMI"]) == .bytes(Array("worker".utf8)))
  }

  @Test("a wrong one, or none, stops, and is told to nobody")
  func wrong() throws {
    let server = try Self.guarded()
    var settings = server.settings
    settings.database = 2
    for (user, password) in [(nil, nil), (nil, "guess"), ("worker", "guess"), ("x", "guess")] {
      settings.user = user
      settings.password = password.map(RedisPassword.init)
      let failure = #expect(throws: RedisFailure.self) { _ = try Connection(settings) }
      #expect(failure?.remedy == .stop)
      #expect(failure?.reason.contains(password == nil ? "NOAUTH" : "(WRONGPASS)") == true)
      #expect(failure?.reason.contains("guess") == false)
    }
  }

  @Test("a server that repeats what it does not know does not give a password away")
  func repeated() throws {
    let server = try RedisServer(arguments: ["--rename-command", "AUTH", ""])
    var settings = server.settings
    settings.password = RedisPassword(Self.password)
    let failure = #expect(throws: RedisFailure.self) { _ = try Connection(settings) }
    #expect(failure?.remedy == .stop)
    #expect(failure?.reason.contains("sesame") == false)
  }

  @Test("a password shows in no print and no dump")
  func shown() {
    let settings = RedisSettings(address: .unix(path: "p"), password: RedisPassword(Self.password))
    var dumped = ""
    dump(settings, to: &dumped)
    for text in ["\(settings)", String(reflecting: settings), dumped] {
      #expect(!text.contains("sesame"))
    }
  }

  private static func guarded() throws -> RedisServer {
    try RedisServer(arguments: [
      "--requirepass", password, "--user", "worker", "on", ">bees", "~*", "+@all",
    ])
  }
}
