import CRdkafka

/// What one message is made of, gathered for `rd_kafka_produceva`.
struct OutgoingMessage {
  private static let fieldsMax = 7

  let topic: String
  let partition: Int32?
  let key: [UInt8]?
  let value: [UInt8]?
  let headers: [KafkaHeader]
  let timestampMs: Int64?

  /// Hands the message over, copied; returns an error for the caller to destroy, or nothing.
  @unsafe
  func produce(on client: OpaquePointer) -> OpaquePointer? {
    unsafe topic.withCString { topic in
      unsafe withBytes(key) { key, keyCount in
        unsafe withBytes(value) { value, valueCount in
          unsafe withUnsafeTemporaryAllocation(
            of: rd_kafka_vu_t.self,
            capacity: Self.fieldsMax
          ) { fields in
            var count = 0
            func add(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t) -> Void) {
              var field = unsafe rd_kafka_vu_t()
              unsafe field.vtype = type
              unsafe set(&field)
              unsafe fields.initializeElement(at: count, to: field)
              count += 1
            }
            unsafe add(RD_KAFKA_VTYPE_TOPIC) { unsafe $0.u.cstr = topic }
            unsafe add(RD_KAFKA_VTYPE_MSGFLAGS) { unsafe $0.u.i = RD_KAFKA_MSG_F_COPY }
            unsafe add(RD_KAFKA_VTYPE_KEY) {
              unsafe ($0.u.mem.ptr, $0.u.mem.size) = (key, keyCount)
            }
            unsafe add(RD_KAFKA_VTYPE_VALUE) {
              unsafe ($0.u.mem.ptr, $0.u.mem.size) = (value, valueCount)
            }
            if let partition {
              unsafe add(RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = partition }
            }
            if let timestampMs {
              unsafe add(RD_KAFKA_VTYPE_TIMESTAMP) { unsafe $0.u.i64 = timestampMs }
            }
            let list = unsafe headers.isEmpty ? nil : makeHeaders()
            if let list = unsafe list {
              unsafe add(RD_KAFKA_VTYPE_HEADERS) { unsafe $0.u.headers = list }
            }
            let error = unsafe rd_kafka_produceva(client, fields.baseAddress, count)
            // The headers go with the message, unless it is refused.
            if let list = unsafe list, unsafe error != nil { unsafe rd_kafka_headers_destroy(list) }
            return unsafe error
          }
        }
      }
    }
  }

  @unsafe
  private func makeHeaders() -> OpaquePointer? {
    let list = unsafe rd_kafka_headers_new(headers.count)
    for header in headers {
      unsafe withBytes(header.value) { value, count in
        _ = unsafe rd_kafka_header_add(list, header.name, -1, value, count)
      }
    }
    return unsafe list
  }
}

/// Lends bytes to C: none is a null pointer, and empty is not.
@unsafe
private func withBytes<Result>(
  _ bytes: [UInt8]?,
  _ body: (UnsafeMutableRawPointer?, Int) -> Result
) -> Result {
  guard let bytes else { return body(nil, 0) }
  if bytes.isEmpty {
    var nothing: UInt8 = 0
    return unsafe withUnsafeMutableBytes(of: &nothing) { unsafe body($0.baseAddress, 0) }
  }
  return unsafe bytes.withUnsafeBytes {
    unsafe body(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
  }
}
