"""SASRec against torch's own transformer."""

import torch
from torch import nn

from recinterpreter.recommenders.sasrec import SASRec


def test_blocks_are_those_of_torchs_pre_norm_transformer() -> None:
    torch.manual_seed(0)
    model = SASRec(n_items=20, positions=5, width=8, layers=2, heads=2, dropout=0.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5 * torch.randn(parameter.shape)
    embedded = torch.randn(3, 5, 8)
    mask = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]

    x = model.input_norm(embedded + model.position_table.weight)
    for block in model.blocks:
        x = reference(block)(x, src_mask=nn.Transformer.generate_square_subsequent_mask(5))
    wanted = model.norm(x)
    found = model.encode(embedded, mask)
    torch.testing.assert_close(found[mask], wanted[mask])
    assert not found[~mask].any()


def reference(block: nn.Module) -> nn.TransformerEncoderLayer:
    """Build torch's layer with the weights of ours."""
    layer = nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    for ours, theirs in (
        (block.attention_out, layer.self_attn.out_proj),
        (block.feed_in, layer.linear1),
        (block.feed_out, layer.linear2),
        (block.attention_norm, layer.norm1),
        (block.feed_norm, layer.norm2),
    ):
        theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(block.query_key_value.weight)
        layer.self_attn.in_proj_bias.copy_(block.query_key_value.bias)
    return layer


def test_items_between_padding_are_not_mixed_with_it() -> None:
    # the contract fills from the left, but a mask with a hole must still hide what is in it
    model = SASRec(n_items=20, positions=4, width=8, layers=1, heads=1, dropout=0.0).eval()
    mask = torch.tensor([[True, False, True, True]])
    embedded = torch.randn(1, 4, 8)
    other = embedded.clone()
    other[0, 1] = 100.0
    assert torch.equal(model.encode(embedded, mask), model.encode(other, mask))


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    model = SASRec(n_items=20, positions=4, width=8, layers=1, heads=1, dropout=0.5)
    items, lengths = torch.tensor([[1, 2, 3, 4]]), torch.tensor([4])
    assert not torch.equal(model.states(items, lengths), model.states(items, lengths))
    model.eval()
    assert torch.equal(model.states(items, lengths), model.states(items, lengths))
