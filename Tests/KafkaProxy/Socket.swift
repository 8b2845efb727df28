import Glibc

/// Why a proxy or a broker did not start, and what to do about it.
package struct ProxyFailure: Error, CustomStringConvertible {
  package let description: String
}

/// The few calls on TCP sockets of this machine that the proxy needs.
enum Socket {
  private static let backlog: Int32 = 128

  /// Listens on a port, or on a free one if it is 0; returns the socket and the port.
  static func listen(host: String, port: Int) throws(ProxyFailure) -> (fd: Int32, port: Int) {
    let fd = try make()
    var yes: Int32 = 1
    _ = unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    do throws(ProxyFailure) {
      try unsafe withAddress(host, port) { address, length in unsafe bind(fd, address, length) }
      if Glibc.listen(fd, backlog) != 0 { throw failure("listening on \(host):\(port)") }
      return (fd, try boundPort(fd))
    } catch {
      close(fd)
      throw error
    }
  }

  static func connect(port: Int) throws(ProxyFailure) -> Int32 {
    let fd = try make()
    do throws(ProxyFailure) {
      try unsafe withAddress("127.0.0.1", port) { address, length in
        unsafe Glibc.connect(fd, address, length)
      }
    } catch {
      close(fd)
      throw error
    }
    noDelay(fd)
    return fd
  }

  static func noDelay(_ fd: Int32) {
    var yes: Int32 = 1
    _ = unsafe setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
  }

  /// A port nobody listens on just now.
  static func freePort() throws(ProxyFailure) -> Int {
    let (fd, port) = try listen(host: "127.0.0.1", port: 0)
    close(fd)
    return port
  }

  /// Reads what there is; 0 at the end, negative on an error.
  static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = unsafe recv(fd, buffer.baseAddress, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      return count
    }
  }

  /// Reads so many bytes, or nothing if the other side goes before.
  static func read(_ fd: Int32, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let more = unsafe bytes.withUnsafeMutableBytes {
        unsafe read(fd, into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
      }
      if more <= 0 { return nil }
      filled += more
    }
    return bytes
  }

  static func close(_ fd: Int32) { Glibc.close(fd) }

  /// Writes all of it, or says that the other side is gone.
  static func write(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = unsafe bytes
    while unsafe !rest.isEmpty {
      let count = unsafe send(fd, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return false }
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
  }

  /// Keeps programs started from here from holding on to it.
  static func closeOnExec(_ fd: Int32) { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }

  private static func make() throws(ProxyFailure) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let fd = socket(AF_INET, type, 0)
    if fd < 0 { throw failure("making a socket") }
    return fd
  }

  private static func boundPort(_ fd: Int32) throws(ProxyFailure) -> Int {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(fd, $0, &length)
      }
    }
    if code != 0 { throw failure("reading a socket's port") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private static func withAddress(
    _ host: String,
    _ port: Int,
    _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(ProxyFailure) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    if unsafe inet_pton(AF_INET, host, &address.sin_addr) != 1 {
      throw ProxyFailure(description: "\(host) is not an IPv4 address")
    }
    let code = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code != 0 { throw failure("\(host):\(port)") }
  }

  private static func failure(_ what: String) -> ProxyFailure {
    unsafe ProxyFailure(description: "\(what): \(String(cString: strerror(errno)))")
  }
}
