import streamlit as st

st.title("Sales")
st.bar_chart({"tea": [3, 5, 2], "coffee": [4, 4, 6]})
