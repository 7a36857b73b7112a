/// A step that asks the shop for something, and asks it to take that back where a later one fails.
fn ask<G, F>(step: StepBuilder<'_, String, G>, shop: &Process, does: F) -> Handle<String>
where
    G: Given,
    F: Fn(String, G::Values) -> Result<String, AgentError> + Clone + Send + Sync + 'static,
{
    let (asked, asked_back) = (shop.clone(), shop.clone());
    let act = move |item, given, step| {
        let (shop, done) = (asked.clone(), does(item, given));
        async move { shop.perform(&step, || done).await }
    };
    let undo = move |_, step| {
        let shop = asked_back.clone();
        async move { shop.perform(&step, || Ok(())).await }
    };
    step.run(Effect::Idempotent, act).undo(undo)
}

/// What the shop says to what it was paid for.
fn ship(item: &str, paid: &str) -> Result<String, AgentError> {
    match item {
        "piano" => Err(AgentError::permanent("too heavy")),
        _ => Ok(format!("ship {paid}")),
    }
}

/// An order, in a saga of three lines.
fn order(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
    let mut order = Saga::builder("order");
    let kept = ask(order.step("reserve"), &shop, |item, ()| Ok(format!("reserve {item}")));
    let paid = ask(order.step("charge").given(kept), &shop, |_, it| Ok(format!("charge {it}")));
    let sent = ask(order.step("ship").given(paid), &shop, |item, it| ship(&item, &it));
    order.build(sent).expect("each step comes after what it is given")
}
