import Network

/// Reads a model, or says why it cannot and what to do about it.
func loadModel(_ directory: String) throws(ModelFailure) -> Model {
  do throws(NetworkFailure) {
    return try ModelDirectory.load(directory)
  } catch {
    throw ModelFailure(description: "\(error.reason); \(error.advice)")
  }
}

/// Why a command has no model.
struct ModelFailure: Error, CustomStringConvertible {
  let description: String
}
