export function onnxruntime(ort, executionProviders = ["wasm"]) {
    const name = executionProviders.map((provider) => provider.name ?? provider).join(", ");
    return {
        name,
        Tensor: ort.Tensor,
        // Errors only: warnings about operations that stay on the CPU are not useful here.
        open: (model) => ort.InferenceSession.create(model, { executionProviders, logSeverityLevel: 3 }),
    };
}
