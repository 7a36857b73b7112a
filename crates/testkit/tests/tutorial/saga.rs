/// A step that asks the shop for something.
async fn act(
    cx: &RunContext,
    shop: &Process,
    name: &str,
    item: String,
) -> Result<String, AgentError> {
    let (shop, done) = (shop.clone(), format!("{name} {item}"));
    cx.step(name, Effect::Idempotent, item, |_, step| async move {
        shop.perform(&step, || Ok(done)).await
    })
    .await
}

/// An order in three steps.
fn order(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
    agent_fn("order", move |item: String, cx| {
        let shop = shop.clone();
        async move {
            let reserved = act(&cx, &shop, "reserve", item).await?;
            let charged = act(&cx, &shop, "charge", reserved).await?;
            act(&cx, &shop, "ship", charged).await
        }
    })
}
