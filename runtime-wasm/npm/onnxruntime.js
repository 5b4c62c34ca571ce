export function onnxruntime(ort, executionProviders = ["wasm"]) {
    const name = executionProviders.map((provider) => provider.name ?? provider).join(", ");
    return {
        name,
        Tensor: ort.Tensor,
        // Errors only: that small operations stay on the processor is no news.
        open: (model) => ort.InferenceSession.create(model, { executionProviders, logSeverityLevel: 3 }),
    };
}
