/// What is published for one click: items best first, and how they came to be.
package struct Suggestion: Equatable, Sendable {
  package struct Source: Equatable, Sendable {
    package var position: Position
    package var eventID: String?
    package var timestampMs: Int64

    package init(position: Position, eventID: String?, timestampMs: Int64) {
      self.position = position
      self.eventID = eventID
      self.timestampMs = timestampMs
    }
  }

  package struct Item: Equatable, Sendable {
    package var id: String
    package var score: Float
    /// The clicks of the session that the item rests on, most first; only when switched on.
    package var because: [Cause]?

    package init(id: String, score: Float, because: [Cause]? = nil) {
      self.id = id
      self.score = score
      self.because = because
    }
  }

  /// A click, and what the item's score would lose without it.
  package struct Cause: Equatable, Sendable {
    package var id: String
    package var weight: Float

    package init(id: String, weight: Float) {
      self.id = id
      self.weight = weight
    }
  }

  package struct Model: Equatable, Sendable {
    package var name: String
    package var version: String

    package init(name: String, version: String) {
      self.name = name
      self.version = version
    }
  }

  /// How the items came to be.
  package struct Generation: Equatable, Sendable {
    package enum Provenance: String, Sendable, CaseIterable {
      case diffusion
      case fallbackPopular = "fallback-popular"
      /// What is clicked after the last item, and lately.
      case fallbackRecent = "fallback-recent"
    }

    package var provenance: Provenance
    /// Denoiser calls; 0 for a fallback and 1 for the folded sampler.
    package var steps: Int
    /// `steps`, `relative-change`, `deadline`, `folded`, or why the fallback was taken:
    /// `no-known-item`, `not-finite`.
    package var stoppedBy: String
    package var guidance: Float
    package var seed: UInt64
    /// Lessons of the stream that the items rest on beside the model; only when it learns.
    package var lessons: Int?

    package init(
      provenance: Provenance,
      steps: Int,
      stoppedBy: String,
      guidance: Float,
      seed: UInt64,
      lessons: Int? = nil
    ) {
      self.provenance = provenance
      self.steps = steps
      self.stoppedBy = stoppedBy
      self.guidance = guidance
      self.seed = seed
      self.lessons = lessons
    }
  }

  package var user: String
  package var source: Source
  package var items: [Item]
  package var model: Model
  package var generation: Generation
  /// Clicks in the session as of this one, items unknown to the model included.
  package var sessionLength: Int
  /// The generated embedding, (d); only when switched on, since it leaks the history.
  package var oracle: [Float]?

  package init(
    user: String,
    source: Source,
    items: [Item],
    model: Model,
    generation: Generation,
    sessionLength: Int,
    oracle: [Float]? = nil
  ) {
    self.user = user
    self.source = source
    self.items = items
    self.model = model
    self.generation = generation
    self.sessionLength = sessionLength
    self.oracle = oracle
  }
}
