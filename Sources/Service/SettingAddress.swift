import FlyingSocks
import Glibc

extension Rule where Value == Configuration.Kafka.Brokers {
  static var brokers: Self {
    Rule(
      words: "`embedded`, or `host:port` with commas between",
      parse: { text in
        if text == "embedded" { return .embedded }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let brokers = parts.map(\.trimmed)
        if !brokers.allSatisfy({ HostAndPort($0, defaultPort: 9_092) != nil }) { return nil }
        return .list(brokers.joined(separator: ","))
      },
      print: { brokers in
        switch brokers {
        case .embedded: "embedded"
        case .list(let list): list
        }
      },
    )
  }
}

extension Rule where Value == Configuration.Redis.Endpoint {
  static var redisAddress: Self {
    Rule(
      words: "`embedded`, `host:port`, `redis://host:port/database`, `unix:///path`, or for a"
        + " cluster `cluster://host:port` with more after commas"
        + " (no TLS, and credentials in settings of their own)",
      parse: parse,
      print: { endpoint in
        switch endpoint {
        case .embedded: "embedded"
        case .tcp(let host, let port, let database):
          "redis://\(place(host, port))/\(database)"
        case .unix(let path, let database):
          "unix://\(path)" + (database == 0 ? "" : "?db=\(database)")
        case .cluster(let nodes):
          "cluster://" + nodes.map { place($0.host, $0.port) }.joined(separator: ",")
        }
      },
    )
  }

  private static func place(_ host: String, _ port: Int) -> String {
    "\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  @Sendable
  private static func parse(_ text: String) -> Value? {
    if text == "embedded" { return .embedded }
    if text.hasPrefix("unix://") {
      let parts = text.dropFirst(7).components(before: "?db=")
      guard parts.head.hasPrefix("/"), parts.head.utf8.count <= 107,
        let database = whole(parts.tail, or: 0, in: 0...999)
      else { return nil }
      return .unix(path: String(parts.head), database: database)
    }
    if text.hasPrefix("cluster://") {
      let parts = text.dropFirst(10).split(separator: ",", omittingEmptySubsequences: false)
      let places = parts.map(\.trimmed).compactMap { part in
        part.contains("://") ? nil : HostAndPort(part, defaultPort: 6_379)
      }
      if places.count < parts.count { return nil }
      return .cluster(places.map { .init(host: $0.host, port: $0.port) })
    }
    let rest = text.hasPrefix("redis://") ? text.dropFirst(8) : Substring(text)
    let parts = rest.components(before: "/")
    let noDatabase = parts.tail?.isEmpty == true ? nil : parts.tail
    guard let place = HostAndPort(String(parts.head), defaultPort: 6_379),
      let database = whole(noDatabase, or: 0, in: 0...999)
    else { return nil }
    return .tcp(host: place.host, port: place.port, database: database)
  }
}

extension Rule where Value == Secret? {
  static var secret: Self {
    Rule(
      words: "a text that is not empty",
      parse: { $0.isEmpty ? nil : .some(Secret($0)) },
      print: { $0.map { _ in Secret.mask } ?? "" },
    )
  }
}

extension Rule where Value == String {
  static var path: Self { text("a path") }

  static var host: Self {
    Rule(
      words: "`localhost`, or an IPv4 or IPv6 address",
      parse: { listeningAddress(host: $0, port: 0) == nil ? nil : $0 },
      print: { $0 },
    )
  }
}

/// The address to listen on, where `host` is one.
func listeningAddress(host: String, port: UInt16) -> (any SocketAddress)? {
  let host = host == "localhost" ? "127.0.0.1" : host
  if let address = try? sockaddr_in.inet(ip4: host, port: port) { return address }
  return try? sockaddr_in6.inet6(ip6: host, port: port)
}

/// `host`, `host:port` or `[address]:port`, of which librdkafka allows `protocol://` in front.
private struct HostAndPort {
  let host: String
  let port: Int

  init?(_ text: String, defaultPort: Int) {
    let place = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
    let bracketed = place.hasPrefix("[")
    let end = bracketed ? place.firstIndex(of: "]") : place.firstIndex(of: ":") ?? place.endIndex
    guard let end else { return nil }
    let host = place[..<end].drop { $0 == "[" }
    let rest = bracketed ? place[end...].dropFirst() : place[end...]
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "@/?[]".contains($0) }),
      rest.isEmpty || rest.hasPrefix(":"),
      let port = whole(rest.isEmpty ? nil : rest.dropFirst(), or: defaultPort, in: 1...65_535)
    else { return nil }
    self.host = String(host)
    self.port = port
  }
}

private func whole(
  _ text: Substring?,
  or standard: Int,
  in range: ClosedRange<Int>
) -> Int? {
  guard let text else { return standard }
  return Int(text).flatMap { range.contains($0) ? $0 : nil }
}

extension Substring {
  /// What stands before the first `separator`, and what after it.
  fileprivate func components(before separator: String) -> (head: Substring, tail: Substring?) {
    guard let range = firstRange(of: separator) else { return (self, nil) }
    return (self[..<range.lowerBound], self[range.upperBound...])
  }
}
