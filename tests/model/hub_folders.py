"""Folders as the Hugging Face hub has them, of networks that are tiny and know nothing."""

import pytest
import torch

# Of half a second at 16 kHz, as pictures of 32 x 64.
AST_FEATURES = """features=ast features.sample_rate=16000 features.seconds=0.5 features.n_fft=512
    features.hop_length=160 features.n_mels=32 features.frames=64 features.height=32
    features.width=64 input_mean=0.0 input_std=1.0""".split()

DROPOUTS = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout")


def make_ast(folder, seed=0):
    """Write config.json, model.safetensors and preprocessor_config.json of an AST."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    config = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        num_mel_bins=32,
        max_length=64,
        num_labels=9,
        initializer_range=0.5,
    )
    model = transformers.ASTForAudioClassification(config)
    model.save_pretrained(folder)
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64).save_pretrained(folder)
    return model.eval()


def make_clap(folder, fusion=False):
    """Write the same of a whole CLAP, its text half too."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "hidden_size": 16,
        "window_size": 4,
        "enable_fusion": fusion,
        "fusion_type": "aff_2d" if fusion else None,
        "aff_block_r": 2,
    }
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 8, "vocab_size": 20}
    model = transformers.ClapModel(transformers.ClapConfig(text_config=text, audio_config=audio))
    model.save_pretrained(folder)
    truncation = "fusion" if fusion else "rand_trunc"
    extractor = transformers.ClapFeatureExtractor(
        feature_size=16, frequency_min=50, frequency_max=14000, truncation=truncation
    )
    extractor.save_pretrained(folder)
    return model.eval()


def make_hearer(folder, kind="wav2vec2", do_normalize=True):
    """Write the same of a network that hears samples."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    # Of the seven or, with twice the steps, thirteen convolutions of the published ones.
    convolutions = 13 if kind.startswith("sew") else 7
    config = transformers.AutoConfig.for_model(
        kind,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * convolutions,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        layerdrop=0.5,
        mask_time_prob=0.5,
        **dict.fromkeys(DROPOUTS, 0.0),
    )
    model = transformers.AutoModel.from_config(config)
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return model.eval()


def make_whisper(folder):
    """Write the same of a whole Whisper, its decoder too."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "vocab_size": 20}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes |= {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "pad_token_id": 0, "bos_token_id": 1}
    sizes |= {"eos_token_id": 2, "decoder_start_token_id": 1, "max_target_positions": 8}
    model = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**sizes))
    model.save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return model.eval()
