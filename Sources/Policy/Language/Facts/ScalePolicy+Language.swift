import ResilienceCore

extension ScalePolicy {
    private struct Draft: Sendable {
        var template: String?
        var min = 1
        var max = 2
        var step = 1
        var cooldown: Duration = .seconds(60)
        var properties: [UnitProperty]?
        var on: LoadTrigger?
    }

    static let type = ValueType<Draft>.object(
        ObjectSpec(
            "scale", title: "a scale", initial: Draft(),
            [
                Key(
                    "template", optional: \.template, UnitName.template, default: "none",
                    "The template whose instances 1, 2, 3… are started and stopped."),
                Key("min", \.min, .wholeNumber(0...100), "So many instances are left running."),
                Key("max", \.max, .wholeNumber(1...100), "There are never more instances."),
                Key("step", \.step, .wholeNumber(1...100), "How many are started or stopped at once."),
                Key(
                    "cooldown", \.cooldown, .duration(.zero...(.seconds(86_400))),
                    "How long after a change before the next one."),
                Key(
                    "properties", optional: \.properties, UnitProperty.list, default: "none",
                    "Limits of the component's own unit that SCALE_UP sets while it runs, and SCALE_DOWN takes back."),
                Key(
                    "on", optional: \.on, LoadTrigger.type, default: "none",
                    "What a check measures decides, while nothing is wrong with the component."),
            ])
    ).map { draft, node, context -> ScalePolicy? in
        switch (draft.template, draft.properties) {
        case (let template?, nil):
            guard draft.min <= draft.max else {
                context.report(at: (node["min"] ?? node).offset, .semantic, "\"min\" is greater than \"max\"")
                return nil
            }
            return ScalePolicy(
                kind: .instances(template: template, min: draft.min, max: draft.max, step: draft.step),
                cooldown: draft.cooldown, on: draft.on)
        case (nil, let properties?):
            return ScalePolicy(kind: .properties(properties), cooldown: draft.cooldown, on: draft.on)
        case (nil, nil), (_?, _?):
            if (node["template"] == nil) == (node["properties"] == nil) {
                context.report(
                    at: node.offset, .semantic,
                    "a scale has either a \"template\" whose instances are counted, or \"properties\"")
            }
            return nil
        }
    }
}

extension UnitProperty {
    private struct Draft: Sendable {
        var quota: Double?
        var weight: Int?
        var ioWeight: Int?
        var memoryHigh: Int64?
        var memoryMax: Int64?
        var tasks: Int?
    }

    /// An object of resource limits, in the order of their names.
    static let list = ValueType<Draft>.object(
        ObjectSpec(
            "unit-properties", title: "properties", initial: Draft(),
            [
                Key("CPUQuota", optional: \.quota, .share(0.01...100), "Processor time, as a share of one core."),
                Key(
                    "CPUWeight", optional: \.weight, .wholeNumber(1...10_000),
                    "Share of the processor among units; 100."),
                Key("IOWeight", optional: \.ioWeight, .wholeNumber(1...10_000), "Share of the disks among units; 100."),
                Key("MemoryHigh", optional: \.memoryHigh, .size(atLeast: 1), "Memory above which it is slowed down."),
                Key("MemoryMax", optional: \.memoryMax, .size(atLeast: 1), "Memory above which it is killed."),
                Key("TasksMax", optional: \.tasks, .wholeNumber(1...1_000_000), "Processes and threads."),
            ])
    ).map { draft, node, context -> [UnitProperty]? in
        var properties: [UnitProperty] = []
        if let quota = draft.quota { properties.append(UnitProperty(.cpuQuota, UInt64((quota * 1_000_000).rounded()))) }
        if let weight = draft.weight { properties.append(UnitProperty(.cpuWeight, UInt64(weight))) }
        if let weight = draft.ioWeight { properties.append(UnitProperty(.ioWeight, UInt64(weight))) }
        if let bytes = draft.memoryHigh { properties.append(UnitProperty(.memoryHigh, UInt64(bytes))) }
        if let bytes = draft.memoryMax { properties.append(UnitProperty(.memoryMax, UInt64(bytes))) }
        if let tasks = draft.tasks { properties.append(UnitProperty(.tasksMax, UInt64(tasks))) }
        if properties.isEmpty, node.members?.isEmpty ?? true {
            context.report(at: node.offset, .semantic, "there is no property; give at least one, such as \"CPUWeight\"")
            return nil
        }
        return properties
    }
}
