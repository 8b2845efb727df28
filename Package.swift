// swift-tools-version: 6.3

import PackageDescription

/// The language every target is written in.
///
/// Warnings are errors in CI only: a newer compiler's new warning must not break a user's build.
let strict: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
  ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ name: String,
  _ dependencies: [Target.Dependency],
  resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name,
    dependencies: dependencies,
    resources: resources,
    swiftSettings: strict,
  )
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let http = Target.Dependency.product(name: "FlyingFox", package: "FlyingFox")

let package = Package(
  name: "dreamstream",
  products: [
    .executable(name: "dreamstream", targets: ["dreamstream"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.0"),
  ],
  targets: [
    // Layer 0: C, behind one module map each.
    .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    // No pkg-config for hiredis: its file names a flag that SwiftPM refuses, with a warning each time.
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(
      name: "COpenBLAS",
      pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"])]
    ),
    .systemLibrary(name: "CVector"),
    .systemLibrary(name: "CAllocations"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // Layer 1: what each library does for us.
    library("Kafka", ["CRdkafka"]),
    library("Redis", ["CHiredis"]),
    library("Kernels", ["COpenBLAS", "CVector"]),
    library("Files", ["CZlib", "CCrypto"]),
    library("Events", []),

    // Layers 2 to 4: the path of a click.
    library("Sessions", ["Events"]),
    library("Diffusion", ["Kernels"]),
    library("Matching", ["Kernels"]),
    library("Learning", ["Events", "Kernels", "Matching"]),
    library("Autodiff", ["Kernels"]),
    library("Network", ["Files", "Kernels", "Diffusion", "Matching"]),
    library(
      "Pipeline",
      ["Events", "Sessions", "Network", "Diffusion", "Matching", "Learning"]
    ),

    // Layers 5 and 6: judging, serving, simulating, learning.
    library("Evaluation", ["Files", "Events", "Kernels"]),
    library(
      "Service",
      ["Files", "Events", "Sessions", "Learning", "Network", "Pipeline", "Kafka", "Redis"]
        + [log, http, "Yams"]
    ),
    library(
      "Replay",
      ["Files", "Events", "Sessions", "Learning", "Diffusion", "Pipeline", "Evaluation"]
    ),
    library("Simulation", ["Events", "Sessions", "Network", "Pipeline", "Evaluation"]),
    library(
      "Training",
      ["Files", "Kernels", "Autodiff", "Diffusion", "Matching", "Network", "Evaluation"]
    ),

    // Layer 7: questions, answered by grids of models, and by the clock.
    library(
      "Experiments",
      [
        "Kernels", "Files", "Diffusion", "Network", "Matching", "Pipeline", "Evaluation",
        "Training",
      ]
    ),

    library(
      "Benchmarks",
      [
        "CAllocations", "Kernels", "Files", "Events", "Sessions", "Diffusion", "Network",
        "Matching", "Pipeline", "Service", "Evaluation", "Training",
      ]
    ),

    // Layer 8: the program.
    .executableTarget(
      name: "dreamstream",
      dependencies: [
        "Files", "Events", "Sessions", "Kafka", "Redis", "Network", "Diffusion", "Matching",
        "Pipeline", "Evaluation", "Replay", "Service", "Simulation", "Training", "Experiments",
        "Benchmarks", log, arguments,
      ],
      swiftSettings: strict,
    ),

    // What the tests stand on: fakes, private servers, and the proxy in front of the real broker.
    .target(
      name: "TestSupport",
      dependencies: [
        "Events", "Sessions", "Network", "Diffusion", "Pipeline", "Redis", "KafkaProxy",
      ],
      path: "Tests/TestSupport",
      swiftSettings: strict,
    ),
    .target(name: "KafkaProxy", path: "Tests/KafkaProxy", swiftSettings: strict),
    .executableTarget(
      name: "kafka-proxy",
      dependencies: ["KafkaProxy"],
      path: "Tests/kafka-proxy-tool",
      swiftSettings: strict,
    ),
    .executableTarget(
      name: "torture",
      dependencies: [
        "Events", "Sessions", "Kafka", "Redis", "Network", "Pipeline", "Service", "TestSupport",
        "KafkaProxy",
      ],
      path: "Tests/torture",
      swiftSettings: strict,
    ),
    tests("KafkaTests", ["Kafka", "TestSupport"]),
    tests("RedisTests", ["Redis", "TestSupport"]),
    tests("KernelsTests", ["Kernels", "TestSupport"]),
    tests("FilesTests", ["Files"]),
    tests("EventsTests", ["Events"]),
    tests("SessionsTests", ["Sessions", "Events", "TestSupport"]),
    tests("DiffusionTests", ["Diffusion", "Kernels"]),
    tests("AutodiffTests", ["Autodiff", "Kernels"]),
    tests("MatchingTests", ["Matching", "Kernels", "TestSupport"]),
    tests("LearningTests", ["Learning", "Events", "Kernels", "Matching"]),
    tests("NetworkTests", ["Network", "Kernels", "Diffusion", "Files"]),
    tests(
      "PipelineTests",
      [
        "Pipeline", "Events", "Sessions", "Learning", "Network", "Diffusion", "Matching",
        "TestSupport",
      ]
    ),
    tests("SimulationTests", ["Simulation", "Events", "Pipeline"]),
    tests("EvaluationTests", ["Evaluation", "Events", "Files", "TestSupport"]),
    tests(
      "ReplayTests",
      ["Replay", "Events", "Files", "Network", "Pipeline", "Sessions", "TestSupport"]
    ),
    tests(
      "ExperimentsTests",
      ["Experiments", "Training", "Evaluation", "Network", "Diffusion", "Files", "TestSupport"]
    ),
    tests("BenchmarksTests", ["Benchmarks", "Evaluation", "Files", "Network", "TestSupport"]),
    tests(
      "TrainingTests",
      [
        "Training", "Autodiff", "Network", "Kernels", "Diffusion", "Evaluation", "Files",
        "TestSupport",
      ]
    ),
    tests(
      "GoldenTests",
      ["Training", "Network", "Kernels", "Diffusion", "Matching", "Files"],
      resources: [.copy("Fixtures")]
    ),
    tests(
      "ServiceTests",
      [
        log,
        "Service", "Events", "Sessions", "Redis", "Kafka", "Pipeline",
        "TestSupport",
      ]
    ),
    tests(
      "IntegrationTests",
      [
        "dreamstream", "Service", "Events", "Sessions", "Redis", "Kafka", "Network", "Pipeline",
        "Learning", "Evaluation", "TestSupport", "KafkaProxy", log, arguments,
      ]
    ),
    tests("TortureTests", ["torture", "Events", "Pipeline", "Sessions", "TestSupport"]),
    tests("TidyTests", []),
  ],
)
