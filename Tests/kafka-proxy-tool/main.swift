import Foundation
import Glibc
import KafkaProxy

/// Runs a broker behind the proxy until standard input closes or a signal asks for the end:
/// `kafka-proxy [--listen HOST:PORT|0] [--broker PATH]`.
struct Options {
  static let usage = "usage: kafka-proxy [--listen HOST:PORT|0] [--broker PATH]"

  var host = "127.0.0.1"
  var port = 0
  var broker: String?

  init?(_ arguments: [String]) {
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { return nil }
      switch name {
      case "--broker": broker = value
      case "--listen":
        let parts = value.split(separator: ":")
        guard let last = parts.last, let number = UInt16(last), parts.count <= 2 else { return nil }
        if parts.count == 2 { host = String(parts[0]) }
        port = Int(number)
      default: return nil
      }
    }
  }
}

func fail(_ reason: String, code: Int32) -> Never {
  FileHandle.standardError.write(Data((reason + "\n").utf8))
  exit(code)
}

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
  fail(Options.usage, code: EX_USAGE)
}

// Blocked before any thread is made, so that only the wait below takes them.
var endings = sigset_t()
unsafe sigemptyset(&endings)
unsafe sigaddset(&endings, SIGTERM)
unsafe sigaddset(&endings, SIGINT)
unsafe pthread_sigmask(Int32(SIG_BLOCK), &endings, nil)

do {
  let broker = try BrokerProcess(
    binary: options.broker,
    host: options.host,
    port: options.port
  )
  print("ready \(broker.address)")
  fflush(nil)
  Thread.detachNewThread {
    while !FileHandle.standardInput.availableData.isEmpty {}
    kill(getpid(), SIGTERM)
  }
  var signal: Int32 = 0
  unsafe sigwait(&endings, &signal)
  broker.stop()
} catch {
  fail("kafka-proxy: \(error)", code: EXIT_FAILURE)
}
