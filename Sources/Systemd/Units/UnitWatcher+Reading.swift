import Logging
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Asking systemd for the state of units: one listing for all, then the properties of each, a few at a time.
extension UnitWatcher {
    /// Readings under way at one time. Few, so that an action's call never waits behind a long queue in systemd; enough
    /// to keep both processes busy.
    private static let readsInFlightMax = 8

    /// Replaces the set of watched units. Each of them is told of anew, also one that was watched before: whoever watches
    /// it now may be another component, which knows nothing of it.
    ///
    /// - Parameters:
    ///   - requirers: those of which is also told what they require.
    ///   - done: called once, when the new ones have been listed or could not be.
    func watch(_ names: Set<String>, requirementsOf requirers: Set<String>, done: @escaping () -> Void) {
        for (name, record) in self.records where !names.contains(name) && record.isTold { self.forget(name) }
        var new: [String] = []
        for name in names {
            let known = self.records[name]
            let record = known ?? self.add(UnitRecord(name: name))
            record.tellsRequirements = requirers.contains(name)
            if known?.isTold == true {
                record.delivered = nil
                self.publish(record)
            } else {
                record.isTold = true
                new.append(name)
            }
        }
        switch self.phase {
        case .ready: new.isEmpty ? done() : self.list(new, all: true) { _ in done() }
        case .closed: done()
        case .disconnected where self.saidAway: done()
        case .disconnected, .greeting, .reloading: self.whenReady(done)
        }
    }

    @discardableResult
    func add(_ record: UnitRecord) -> UnitRecord {
        self.records[record.name] = record
        self.recordsByPath[record.path, default: []].append(record)
        return record
    }

    func forget(_ name: String) {
        guard let record = self.records.removeValue(forKey: name) else { return }
        self.forgetDeath(of: record)
        record.endForetelling()
        self.recordsByPath[record.path]?.removeAll { $0 === record }
        if self.recordsByPath[record.path]?.isEmpty == true { self.recordsByPath[record.path] = nil }
        self.readQueue.removeAll { $0 === record }
        self.finishReaders(of: record, .disconnected("The unit is no longer watched."))
    }

    /// One `ListUnitsByNames`, which loads what is not loaded yet.
    ///
    /// - Parameter all: read the properties of each unit whatever the listing says; otherwise only of those where it
    ///   differs from what is known.
    func list(_ names: [String], all: Bool, done: @escaping (SystemdError?) -> Void) {
        let valid = names.filter(UnitName.isValid).sorted()
        for name in names where !UnitName.isValid(name) { self.takeInvalid(name) }
        guard let connection = self.connection, !valid.isEmpty else { return done(nil) }
        connection.call(.manager("ListUnitsByNames"), what: "Could not list the units.") {
            $0.strings(valid)
        } complete: { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let message):
                self.takeListing(message, of: valid, all: all)
                done(nil)
            case .failure(let error):
                // One unit that cannot be loaded at all makes systemd refuse the whole list.
                if error.code != .disconnected {
                    self.logger.warning("listing units failed", metadata: ["reason": "\(error)"])
                    for name in valid { if let record = self.records[name] { self.read(record) } }
                }
                done(error)
            }
        }
    }

    /// systemd answers in the order of the names asked for, with its own primary name for each.
    private func takeListing(_ message: BusMessage, of names: [String], all: Bool) {
        var index = 0
        message.forEach(array: "(ssssssouso)", element: "r", "ssssssouso") {
            defer { index += 1 }
            guard index < names.count, let primary = message.string(), message.string() != nil,
                let load = message.string(), let active = message.string(), let sub = message.string(),
                message.string() != nil, let path = message.string("o"), let job = message.uint32()
            else { return }
            guard let record = self.records[names[index]] else { return }
            self.rename(record, primary: primary, path: path)
            var general = GeneralState()
            (general.load, general.active, general.sub, general.job) = (load, ActiveState(systemd: active), sub, job)
            self.takeListed(general, record, all: all)
        }
    }

    private func takeListed(_ general: GeneralState, _ record: UnitRecord, all: Bool) {
        let known = record.state?.general
        let agrees =
            known?.load == general.load && known?.active == general.active && known?.sub == general.sub
            && record.job?.id ?? 0 == general.job && !record.isPartial
        if general.load != "loaded", general.active == .inactive {
            // Nothing more can be known of it.
            guard !agrees else { return self.publish(record) }
            record.take(UnitState(general: general))
            self.publish(record)
            return
        }
        guard all || !agrees else { return self.publish(record) }
        if record.state == nil {
            record.state = UnitState(general: general)
            self.noteJob(general.job, of: record)
            // After a gap the old picture must not be told again; the first time there is none.
            self.publish(record)
        }
        // What is down waits for its details before it is told of, so it goes first.
        self.read(record, first: record.isPartial && record.state?.isUp == false)
    }

    /// systemd would refuse the name; that is all there is to know.
    private func takeInvalid(_ name: String) {
        guard let record = self.records[name], record.state == nil || record.delivered == nil else { return }
        if record.state == nil {
            self.logger.warning("not the name of a unit", metadata: ["unit": "\(name)"])
            record.take(UnitState(general: GeneralState(load: "not-found", sub: "dead")))
        }
        self.publish(record)
    }

    private func rename(_ record: UnitRecord, primary: String, path: String) {
        record.primaryName = primary
        guard record.path != path else { return }
        self.recordsByPath[record.path]?.removeAll { $0 === record }
        record.path = path
        self.recordsByPath[path, default: []].append(record)
    }

    // MARK: Properties

    /// Queues a reading of all of the unit's properties.
    func read(_ record: UnitRecord, first: Bool = false, done: ((SystemdError?) -> Void)? = nil) {
        if let done { record.readers.append(done) }
        guard self.connection != nil, UnitName.isValid(record.name) else {
            return self.finishReaders(of: record, .disconnected("Could not read \(record.name)."))
        }
        if !record.isReading {
            record.isReading = true
            if first { self.readQueue.insert(record, at: 0) } else { self.readQueue.append(record) }
        }
        self.advanceReads()
    }

    private func advanceReads() {
        while self.readsInFlight < Self.readsInFlightMax, !self.readQueue.isEmpty, self.connection != nil {
            let record = self.readQueue.removeFirst()
            self.readsInFlight += 1
            self.fetch(record)
        }
    }

    /// One call for the general half, and one for each property of a service that matters: asking for all of them would
    /// make systemd read the accounting files of its control group, which takes milliseconds. A signal that arrives in
    /// between is newer than the answers before it and brings everything, so it wins.
    private func fetch(_ record: UnitRecord) {
        guard let connection = self.connection else { return }
        let generation = record.generation
        let what = "Could not read \(record.name)."
        var service = Result<ServiceState, SystemdError>.success(ServiceState())
        for property in record.isService ? ServiceState.properties : [] {
            connection.call(.property(of: record.path), what: what, unit: record.name) {
                $0.string("org.freedesktop.systemd1.Service")
                $0.string(property)
            } complete: { result in
                service = service.flatMap { state in
                    result.map { message in
                        var state = state
                        state.read(property, from: message)
                        return state
                    }
                }
            }
        }
        connection.call(Self.getAll(record.path), what: what, unit: record.name) {
            $0.string("org.freedesktop.systemd1.Unit")
        } complete: { [weak self] result in
            guard let self, self.connection === connection else { return }
            self.readsInFlight -= 1
            record.isReading = false
            let general = result.map { message in
                var state = GeneralState()
                state.read(message)
                return state
            }
            switch (general, service) {
            case (.success(let general), .success(let service)):
                if record.generation == generation || record.isPartial {
                    self.take(UnitState(general: general, service: service), record)
                } else {
                    // The signals carry neither the load state nor what the unit's files say.
                    record.state?.general.load = general.load
                    record.state?.general.requirements = general.requirements
                    self.publish(record)
                }
                self.finishReaders(of: record, nil)
            case (.failure(let error), _), (_, .failure(let error)):
                self.logger.warning(
                    "reading a unit failed", metadata: ["unit": "\(record.name)", "reason": "\(error)"])
                self.finishReaders(of: record, error)
            }
            self.advanceReads()
        }
    }

    private static func getAll(_ path: String) -> BusMethod {
        BusMethod(path: path, interface: "org.freedesktop.DBus.Properties", member: "GetAll")
    }

    func finishReaders(of record: UnitRecord, _ error: SystemdError?) {
        let readers = record.readers
        record.readers = []
        for reader in readers { reader(error) }
    }

    // MARK: Telling

    /// Takes in a complete snapshot, and all that follows from it.
    func take(_ state: UnitState, _ record: UnitRecord) {
        let hadGap = record.hasGap
        self.noteJob(state.general.job, of: record, as: state)
        record.take(state)
        let isAwaited = record.endForetelling()
        if hadGap, state.general.job == 0, let job = record.job {
            // It ended while nobody listened.
            self.ownJobs.remove(job.id)
            record.jobEnded(result: "done")
        }
        self.followMainProcess(of: record)
        guard isAwaited else { return self.publish(record) }
        // What waited for this word goes first: its message to systemd is on the way before anybody else is woken.
        self.thread.schedule(after: .zero) { [weak self] in self?.publish(record) }
    }

    /// Tells the sink, unless it knows.
    func publish(_ record: UnitRecord) {
        guard self.phase == .ready, record.isTold, self.records[record.name] === record,
            let observation = record.observation,
            observation != record.delivered
        else { return }
        record.delivered = observation
        self.sink(.unitObserved(unit: record.name, observation))
    }
}
