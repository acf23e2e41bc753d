"""The annotation desk, a Streamlit app behind the studio's own address and sign-in."""
