internal import FoundationEssentials

/// Reads suggestions back, for readers that print or judge them.
package enum SuggestionDecoder {
  package static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> Suggestion {
    do {
      return try JSONDecoder().decode(Wire.self, from: Data(bytes)).suggestion
    } catch let failure as DecodingFailure {
      throw failure
    } catch DecodingError.keyNotFound(let key, _) {
      throw DecodingFailure(.missingField, "`\(key.stringValue)` is missing")
    } catch DecodingError.typeMismatch(let type, let context),
      DecodingError.valueNotFound(let type, let context)
    {
      let field = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw DecodingFailure(.wrongType, "`\(field)` is no \(type)")
    } catch {
      throw DecodingFailure(.malformedJSON, "not a suggestion: \(error)")
    }
  }
}

/// The JSON form, field by field.
private struct Wire: Decodable {
  struct Source: Decodable {
    let topic: String
    let partition: Int32
    let offset: Int64
    let event_id: String?
    let timestamp: Int64
  }

  struct Item: Decodable {
    let item_id: String
    /// `null` when it was not finite.
    let score: Float?
    let because: [Cause]?
  }

  struct Cause: Decodable {
    let item_id: String
    let weight: Float?
  }

  struct Model: Decodable {
    let name: String
    let version: String
  }

  struct Generation: Decodable {
    let provenance: String
    let steps: Int
    let stopped_by: String
    let guidance: Float
    let seed: UInt64
    let lessons: Int?
  }

  let user_id: String
  let source: Source
  let items: [Item]
  let model: Model
  let generation: Generation
  let session_length: Int
  let oracle: Data?

  var suggestion: Suggestion {
    get throws {
      guard let provenance = Suggestion.Generation.Provenance(rawValue: generation.provenance)
      else { throw DecodingFailure(.outOfRange, "unknown provenance \(generation.provenance)") }
      return Suggestion(
        user: user_id,
        source: .init(
          position: Position(
            topic: source.topic,
            partition: source.partition,
            offset: source.offset
          ),
          eventID: source.event_id,
          timestampMs: source.timestamp
        ),
        items: items.map { item in
          let because = item.because?.map {
            Suggestion.Cause(id: $0.item_id, weight: $0.weight ?? .nan)
          }
          return .init(id: item.item_id, score: item.score ?? .nan, because: because)
        },
        model: .init(name: model.name, version: model.version),
        generation: .init(
          provenance: provenance,
          steps: generation.steps,
          stoppedBy: generation.stopped_by,
          guidance: generation.guidance,
          seed: generation.seed,
          lessons: generation.lessons
        ),
        sessionLength: session_length,
        oracle: oracle.map { data in
          let bytes = Array(data)
          return stride(from: 0, to: bytes.count - 3, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) })
          }
        },
      )
    }
  }
}
