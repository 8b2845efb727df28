internal import CCrypto

/// The SHA-256 digest, as `sha256sum` prints it.
package enum SHA256 {
  package static func hex(_ bytes: [UInt8]) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe digest.withUnsafeMutableBufferPointer { digest in
        _ = unsafe CCrypto.SHA256(bytes.baseAddress, bytes.count, digest.baseAddress)
      }
    }
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
