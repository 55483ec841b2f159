/// The version of the product: of the daemon and of the tools that talk to it.
public enum SupervisorVersion {
    public static let current = "0.1.0"
}
